"""Trap: half-time and heavy. A sliding 808, rolling hats, one dark loop, much space."""

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
    "kick": Stroke(drums.kick(tune_hz=58, sweep=3.6, sweep_s=0.02, length_s=0.22, click=0.6, drive=2.2), 0.0),
    "snare": Stroke(
        drums.snare(tune_hz=230, ring_s=0.11, wires_s=0.2, wires=1.0, bright_hz=11_000),
        -3.5,
        room=0.25,
        takes=2,
    ),
    "clap": Stroke(drums.clap(tail_s=0.26, centre_hz=1_700), -5.0, room=0.3, hall=0.08, takes=2),
    "snap": Stroke(drums.snap(centre_hz=2_700), -11.0, pan=-0.25, room=0.3),
    "hat": Stroke(drums.hat(length_s=0.035, low_hz=8_000, metal=0.6), -8.5, pan=0.1, takes=4),
    "open_hat": Stroke(drums.hat(length_s=0.3, low_hz=7_000, metal=0.6), -11.0, pan=0.15, takes=2),
    "rim": Stroke(drums.rim(tune_hz=900), -13.0, pan=0.35, hall=0.15),
    "crash": Stroke(drums.cymbal(length_s=2.6, low_hz=3_500), -13.0, hall=0.2),
    "impact": Stroke(drums.sub_drop(from_hz=120, length_s=2.0), -10.0, hall=0.3),
    "roll": Stroke(drums.snare(tune_hz=240, wires_s=0.13), -8.0, room=0.25, takes=2),
}
_GROOVES = {
    "light": (
        {"hat": "x.x.x.x.x.x.x.x.", "snap": "........x......."},
        {"hat": "x.x.x.x.x.x.x.3.", "rim": "........x......."},
    ),
    "main": (
        {
            "kick": "x.....x...x.....x.........x.....",
            "clap": "........x...............x.......",
            "hat": "x.x.x.x.x.x.x.3.x.x.x.x.x.x.2.2.",
        },
        {
            "kick": "x.......g.x.....x..x.......x....",
            "clap": "........x...............x.......",
            "hat": "x.x.x.x.x.x.xxx.x.x.3.x.x.x.x.4.",
        },
        {
            "kick": "x..x......x...x.x..x............",
            "snare": "........x...............x.......",
            "hat": "xxx.x.x.x.xxx.x.x.x.x.3.x.x.x.xx",
        },
    ),
    "full": (
        {
            "kick": "x.....x...x.....x..x......x...x.",
            "clap": "........X...............X.......",
            "snare": "........x...............x.....g.",
            "hat": "x.xxx.x.x.x.4.x.x.x.3.x.x.xx2.4.",
            "open_hat": "..............x...............x.",
        },
        {
            "kick": "x..x....g.x...x.x..x......x.....",
            "clap": "........X...............X......g",
            "snare": "........x...............x.......",
            "hat": "x.x.x.3.x.x.x.xxx.x.4.x.x.x.22x.",
            "open_hat": "....x.................x.........",
            "rim": "...........x.................x..",
        },
    ),
}
_FILLS = (
    {"kick": "x...............", "snare": "........x...x.xx", "hat": "x.x.x.x.4.4....."},
    {"kick": "x.....x.........", "clap": "........x.......", "snare": "............3.3."},
    {"kick": "x..x............", "clap": "........x.....x.", "hat": "x.x.3.3.4.4.4.4."},
)

GENRE = Genre(
    name="trap",
    tempo_bpm=(130, 156),
    bars={"intro": 4, "verse": 16, "pre_chorus": 4, "chorus": 8, "bridge": 8, "instrumental": 8, "outro": 4},
    progressions={
        "minor": {
            "verse": ("1 1 6 6", "1 1 4 4", "1 6 1 7", "1 1 1 6"),
            "pre_chorus": ("6 6 7 7", "4 4 5 5"),
            "chorus": ("6 7 1 1", "1 6 4 5", "4 6 1 1", "1 7 6 5"),
            "bridge": ("4 4 6 6", "6 6 1 1"),
        },
        "major": {
            "verse": ("1 1 6 6", "6 6 4 4", "1 1 4 4"),
            "pre_chorus": ("4 4 5 5", "2 2 5 5"),
            "chorus": ("6 4 1 5", "4 5 6 6", "1 6 4 4"),
            "bridge": ("4 4 2 2", "6 6 5 5"),
        },
    },
    colours={"": "", "bridge": "add9", "end": ""},
    layers={
        "loop": Layer(
            voices=("bell", "piano", "kalimba", "guitar"),
            figures={
                "": (
                    Figure("x..o..x...o..x..", "broken", 0.95),
                    Figure("x.....o...x...o.x.....o.x...o...", "down", 0.95),
                    Figure("x...o..x....o...", "updown", 0.95),
                ),
            },
            play={
                "intro": 0.8,
                "verse": 0.7,
                "pre_chorus": 0.75,
                "chorus": 0.8,
                "bridge": 0.8,
                "instrumental": 0.8,
                "outro": 0.8,
            },
            channel=Channel(-18.5, pan=-0.12, room=0.1, hall=0.3, echo=0.18),
            low=62,
            high=86,
        ),
        "pad": Layer(
            voices=("choir", "strings", "warm_pad"),
            figures={"": (Figure("", gate=0.97),)},
            play={
                "intro": 0.5,
                "pre_chorus": 0.65,
                "chorus": 0.7,
                "bridge": 0.9,
                "instrumental": 0.6,
                "outro": 0.6,
                "verse2": 0.4,
            },
            channel=Channel(-23.5, width=1.25, hall=0.35, duck=0.25),
            low=53,
            high=77,
            notes=3,
        ),
        "pluck": Layer(
            voices=("saw_pluck", "square_pluck", "harp"),
            figures={"": (Figure("..x...x...x.x...", "updown", 0.7), Figure("x.x...x.x.....x.", "up", 0.7))},
            play={"chorus": 0.6, "verse2": 0.45, "instrumental": 0.7, "pre_chorus": 0.5},
            channel=Channel(-24.5, pan=0.4, hall=0.25, echo=0.3),
            low=65,
            high=88,
            notes=3,
        ),
    },
    bass=BassStyle(
        voices=("eight_oh_eight",),
        patterns={
            "": (
                "R---------R-----R-------------A-",
                "R-----R---R-----R----------R----",
                "R-------------R-R--R------------",
            ),
            "chorus": ("R-----R---R-----R--R------R---O-", "R--R------R---O-R--R------5---A-"),
            "bridge": ("R-------------------------------",),
        },
        play={
            "verse": 0.85,
            "pre_chorus": 0.7,
            "chorus": 0.95,
            "bridge": 0.6,
            "instrumental": 0.95,
            "outro": 0.6,
        },
        channel=Channel(-13.0, width=0.0, duck=0.3),
        low=29,
        gate=1.0,
    ),
    lead=LeadStyle(
        voices=("voice", "soft_lead", "flute"),
        answers=("bell", "flute", "soft_lead"),
        verse_cells=("xxx.xx.xxx.xx...", "x.xxxx.xx.xxx...", ".xxxx.xxx.xx.x.."),
        chorus_cells=("x.x.x...x.xx....", "xx.x..x.x.x.....", "x..x.x..x..xx..."),
        low=59,
        high=69,
        channel=Channel(-17.0, room=0.12, hall=0.18, echo=0.16),
        answer_channel=Channel(-23.0, pan=0.3, hall=0.3, echo=0.25),
        lift=2,
        lively=0.3,
        grid=0.25,
        play={"verse2": 0.5, "chorus": 0.55, "instrumental": 0.8, "bridge": 0.5, "intro": 0.0, "outro": 0.0},
    ),
    drums=DrumStyle(
        kit=_KIT,
        grooves=_GROOVES,
        fills=_FILLS,
        intensity={
            "verse": "main",
            "pre_chorus": "light",
            "chorus": "full",
            "instrumental": "full",
            "bridge": "light",
            "outro": "light",
        },
        channel=Channel(-12.0),
    ),
    sound=Sound(
        room=Room(0.4, damping=0.3),
        hall=Room(2.8, pre_delay_s=0.03, damping=0.6),
        echo_beats=0.75,
        duck_s=0.16,
        glue_db=2.5,
        ring_s=2.6,
    ),
    ending="stop",
    counts_double=True,
    loose_ms=3.0,
    behind_ms=4.0,
)
