"""Lo-fi hip hop: late, warm, a little broken. Swung drums, jazz chords, a round bass, tape and dust."""

from services.release.music.genre import (
    BassStyle,
    Channel,
    DrumStyle,
    Figure,
    Genre,
    Layer,
    LeadStyle,
    Sound,
    Stroke,
)
from services.release.music.synth import drums
from services.release.music.synth.effects import Room

_KIT = {
    "kick": Stroke(
        drums.kick(tune_hz=56, sweep=2.0, sweep_s=0.03, length_s=0.3, click=0.18, drive=2.4, air_hz=3_500),
        0.0,
    ),
    "snare": Stroke(
        drums.snare(tune_hz=205, ring_s=0.12, wires_s=0.17, wires=0.7, bright_hz=5_500),
        -3.0,
        room=0.3,
        takes=3,
    ),
    "rim": Stroke(drums.rim(tune_hz=480), -8.0, pan=-0.15, room=0.3, takes=2),
    "snap": Stroke(drums.snap(), -10.0, pan=0.1, room=0.3, takes=2),
    "hat": Stroke(
        drums.hat(length_s=0.045, low_hz=5_500, metal=0.35, dark_hz=9_500), -12.0, pan=0.22, room=0.1, takes=4
    ),
    "open_hat": Stroke(
        drums.hat(length_s=0.2, low_hz=5_000, metal=0.35, dark_hz=9_000), -14.0, pan=0.22, takes=2
    ),
    "shaker": Stroke(drums.shaker(low_hz=4_200), -16.0, pan=-0.35, takes=3),
}
_GROOVES = {
    "light": (
        {"kick": "x.........x.....", "rim": "....x.......x...", "hat": "o.g.o.g.o.g.o.g."},
        {"kick": "x.......g.x.....", "hat": "o.g.o.g.o.g.o.go"},
    ),
    "main": (
        {"kick": "x......x..x.....", "snare": "....x.......x...", "hat": "x.o.x.o.x.o.x.og"},
        {"kick": "x..x......x....g", "snare": "....x.......x..g", "hat": "x.o.xgo.x.o.x.o."},
        {
            "kick": "x.....x...x..x..x.....x...xx....",
            "snare": "....x..g....x.......x..g.g..x...",
            "hat": "x.o.x.ogx.o.x.o.x.o.x.ogx.o.xgo.",
        },
    ),
    "full": (
        {
            "kick": "x......x..x..g..",
            "snare": "....x.......x..g",
            "hat": "xgo.xgo.x.ogx.o.",
            "open_hat": "..............o.",
            "shaker": "..o...o...o...o.",
            "snap": "............o...",
        },
        {
            "kick": "x..x..x...x.....",
            "snare": "....x..g....x...",
            "hat": "x.o.x.ogx.o.xgo.",
            "shaker": "g.o.g.o.g.o.g.o.",
            "snap": "....o...........",
        },
    ),
}
_FILLS = (
    {"kick": "x.......x.......", "snare": "....x.......x.gx"},
    {"kick": "x.....x.........", "snare": "....x....g.gx..."},
    {"kick": "x...............", "rim": "....x...x..x...."},
)

GENRE = Genre(
    name="lofi",
    tempo_bpm=(68, 92),
    bars={"intro": 4, "verse": 8, "pre_chorus": 4, "chorus": 8, "bridge": 4, "instrumental": 8, "outro": 4},
    progressions={
        "major": {
            "verse": ("2 5 1 6", "1 6 2 5", "4 3 2 1", "1 3 4 4"),
            "pre_chorus": ("4 3 6 5", "2 3 4 5"),
            "chorus": ("4 5 3 6", "4 3 6 1", "1 4 3 6", "2 5 3 6"),
            "bridge": ("6 2 4 5", "4 4 1 1"),
        },
        "minor": {
            "verse": ("1 4 7 3", "6 5 1 1", "1 6 4 5", "4 5 1 1"),
            "pre_chorus": ("4 5 6 7", "6 4 5 5"),
            "chorus": ("6 7 1 3", "4 7 3 6", "6 5 4 1", "1 3 4 6"),
            "bridge": ("4 6 1 7", "6 6 1 1"),
        },
    },
    colours={"": "9", "chorus": "7", "end": "add9"},
    layers={
        "keys": Layer(
            voices=("electric_piano", "felt_piano", "muted_guitar", "piano"),
            figures={
                "": (
                    Figure("x------..g-x----", gate=0.95, strum=0.02),
                    Figure("x-----x---..x---", gate=0.92, strum=0.02),
                    Figure("x--------x------", gate=0.95, strum=0.03),
                ),
                "intro": (Figure("x---------------", gate=0.95, strum=0.05),),
                "bridge": (Figure("x-------o-------", gate=0.95, strum=0.05),),
            },
            play={"": 0.75, "chorus": 0.85, "intro": 0.85, "bridge": 0.75, "outro": 0.7},
            channel=Channel(-16.5, width=0.9, room=0.15, hall=0.12),
            low=51,
            high=75,
            rootless=True,
        ),
        "pad": Layer(
            voices=("warm_pad", "strings", "choir"),
            figures={"": (Figure("", gate=0.95),)},
            play={
                "intro": 0.5,
                "chorus": 0.6,
                "bridge": 0.8,
                "verse2": 0.4,
                "instrumental": 0.6,
                "outro": 0.5,
            },
            channel=Channel(-24.0, width=1.2, hall=0.3),
            low=55,
            high=79,
            notes=3,
            rootless=True,
        ),
        "sparkle": Layer(
            voices=("kalimba", "vibraphone", "harp"),
            figures={
                "": (Figure("..o...x...o..g..", "broken", 0.9), Figure("o..x..o.....g.o.", "down", 0.9))
            },
            play={"chorus": 0.55, "bridge": 0.6, "verse2": 0.4, "instrumental": 0.6},
            channel=Channel(-25.0, pan=-0.35, hall=0.25, echo=0.2),
            low=67,
            high=88,
        ),
    },
    bass=BassStyle(
        voices=("upright_bass", "electric_bass", "sub_bass"),
        patterns={
            "": ("R------..R--5---", "R-----R---5-..A-", "R--------R----A-"),
            "chorus": ("R-----5-O---5-A-", "R---..R-5-----A-"),
            "intro": ("R---------------",),
            "bridge": ("R-------5-------",),
        },
        play={
            "verse": 0.75,
            "pre_chorus": 0.75,
            "chorus": 0.85,
            "bridge": 0.6,
            "instrumental": 0.8,
            "outro": 0.6,
        },
        channel=Channel(-15.5, width=0.3, duck=0.15),
        low=31,
    ),
    lead=LeadStyle(
        voices=("soft_lead", "flute", "voice"),
        answers=("vibraphone", "muted_guitar", "kalimba"),
        verse_cells=(".xx.xx.x.x.xx...", "x.xx..xx.xx.x...", "..xxx.x.xx.xx..."),
        chorus_cells=("x..xx.x.x..x....", "x.x..xx.x.x.x...", ".x.xx..x.xx....."),
        low=58,
        high=71,
        channel=Channel(-18.0, room=0.12, hall=0.2, echo=0.12),
        answer_channel=Channel(-22.5, pan=0.3, hall=0.25, echo=0.15),
        lift=2,
        lively=0.6,
        grid=0.25,
        play={"intro": 0.5, "verse2": 0.5, "chorus": 0.55, "instrumental": 0.8, "bridge": 0.6, "outro": 0.0},
        harmony=False,
    ),
    drums=DrumStyle(
        kit=_KIT,
        grooves=_GROOVES,
        fills=_FILLS,
        intensity={
            "verse": "main",
            "pre_chorus": "light",
            "chorus": "full",
            "instrumental": "main",
            "bridge": "light",
            "outro": "light",
        },
        channel=Channel(-12.5),
        crash="",
    ),
    sound=Sound(
        room=Room(0.5, damping=0.8, low_cut_hz=250),
        hall=Room(1.8, pre_delay_s=0.02, damping=0.9),
        echo_beats=0.75,
        echo_feedback=0.35,
        tape_wow_cents=6.0,
        tape_dull_hz=8_500,
        atmosphere="crackle",
        atmosphere_db=-41.0,
        glue_db=2.0,
        ring_s=2.6,
    ),
    turnaround={"minor": "4 5", "major": "2 5"},
    ending="fade",
    swing=0.6,
    swing_grid=0.25,
    loose_ms=9.0,
    behind_ms=14.0,
)
