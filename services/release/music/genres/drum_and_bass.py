"""Drum and bass: breaks at full speed over chords at half of it. A reese that growls, a sub that carries."""

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
        drums.kick(tune_hz=56, sweep=3.4, sweep_s=0.018, length_s=0.2, click=0.6, drive=2.2), 0.0, takes=2
    ),
    "snare": Stroke(
        drums.snare(tune_hz=205, ring_s=0.12, wires_s=0.19, wires=0.95, bright_hz=11_500),
        -1.5,
        room=0.25,
        takes=4,
    ),
    "ghost": Stroke(
        drums.snare(tune_hz=225, ring_s=0.06, wires_s=0.1, wires=0.8, bright_hz=8_000),
        -9.0,
        room=0.2,
        takes=4,
    ),
    "hat": Stroke(drums.hat(length_s=0.035, low_hz=7_800, metal=0.45), -13.0, pan=0.18, takes=4),
    "open_hat": Stroke(drums.hat(length_s=0.18, low_hz=6_800, metal=0.5), -12.5, pan=0.18, takes=2),
    "ride": Stroke(drums.cymbal(length_s=0.6, low_hz=4_000, ping=0.25), -14.5, pan=-0.25, takes=3),
    "shaker": Stroke(drums.shaker(low_hz=6_500, length_s=0.06), -16.0, pan=-0.4, takes=3),
    "rim": Stroke(drums.rim(tune_hz=820), -13.0, pan=0.3, room=0.2, hall=0.15, takes=2),
    "tom_low": Stroke(drums.tom(tune_hz=98, length_s=0.26, pan=-0.3), -7.0, room=0.3),
    "tom_high": Stroke(drums.tom(tune_hz=156, length_s=0.22, pan=0.3), -8.0, room=0.3),
    "crash": Stroke(drums.cymbal(length_s=2.6, low_hz=3_000), -12.0, pan=0.2, hall=0.25),
    "impact": Stroke(drums.sub_drop(from_hz=110, length_s=1.8), -9.0, hall=0.3),
    "roll": Stroke(drums.snare(tune_hz=215, wires_s=0.1), -8.0, room=0.25, takes=3),
}
_GROOVES = {
    "light": (
        {"hat": "x.o.x.o.x.o.x.o.", "rim": "....x.......x..."},
        {"shaker": "ogogogogogogogog", "kick": "x...............", "rim": "............x..."},
    ),
    "half": (
        {"kick": "x.........x.....", "snare": "........X.......", "hat": "x.o.x.o.x.o.x.o."},
        {"kick": "x.....x.........", "snare": "........X.......", "shaker": "ogogogogogogogog"},
    ),
    "main": (
        {
            "kick": "x.........x.....",
            "snare": "....X.......X...",
            "ghost": ".......g.g.....g",
            "hat": "x.o.x.o.x.o.x.o.",
        },
        {
            "kick": "x.........x.....x.....x...x.....",
            "snare": "....X.......X.......X.......X...",
            "ghost": ".......g.......g.......g.g.....g",
            "hat": "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.",
        },
        {
            "kick": "x.x.......x.....x.........xx....",
            "snare": "....X.......X.......X.......X...",
            "ghost": ".......g.g.............g.g.....g",
            "hat": "x.o.x.o.x.o.x.o.x.o.x.o.x.o.x.o.",
        },
    ),
    "full": (
        {
            "kick": "x.x.......xx....x.x.......x.....",
            "snare": "....X.......X.......X..g....X...",
            "ghost": ".......o.g.....g.......o.g....og",
            "ride": "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.",
            "hat": "gogogogogogogogogogogogogogogogo",
        },
        {
            "kick": "x.........x.....x..x......x.....",
            "snare": "....X.......X.......X.......X...",
            "ghost": ".......o.......g..o....g.g...o.g",
            "hat": "xgogxgogxgogxgogxgogxgogxgogxgog",
            "open_hat": "..............x...............x.",
            "shaker": "ogogogogogogogogogogogogogogogog",
        },
        {
            "kick": "x.........x.....x.....x...x.....",
            "snare": "....X.......X.......X.......X..g",
            "ghost": "..g....o.g.....g..g....o.g.....o",
            "ride": "..x...x...x...x...x...x...x...x.",
            "shaker": "ogogogogogogogogogogogogogogogog",
        },
    ),
}
_FILLS = (
    {"kick": "x.........x.....", "snare": "....X..x..x.x.xx"},
    {
        "kick": "x...............",
        "snare": "....X...x..x....",
        "tom_high": "............xx..",
        "tom_low": "..............xx",
    },
    {"kick": "x.x.......x.....", "snare": "....X.......2222"},
    {"kick": "x.........x.x...", "snare": "....X.xx.xx.X.xx"},
)

GENRE = Genre(
    name="drum_and_bass",
    tempo_bpm=(168, 178),
    bars={
        "intro": 8,
        "verse": 16,
        "pre_chorus": 8,
        "chorus": 16,
        "bridge": 8,
        "instrumental": 16,
        "outro": 8,
    },
    progressions={
        "minor": {
            "verse": ("1 6 4 7", "1 7 6 7", "1 4 6 6", "1 3 6 4"),
            "pre_chorus": ("4 6 7 7", "6 7 4 5"),
            "chorus": ("6 7 1 3", "1 6 3 7", "4 6 1 7", "1 7 4 6"),
            "bridge": ("6 4 1 7", "4 1 6 7"),
        },
        "major": {
            "verse": ("1 6 4 5", "1 3 6 4", "6 4 1 5"),
            "pre_chorus": ("2 4 5 5", "4 6 5 5"),
            "chorus": ("4 1 5 6", "6 4 1 5", "1 5 6 4"),
            "bridge": ("6 3 4 5", "2 6 4 5"),
        },
    },
    colours={"": "add9", "chorus": "", "bridge": "9", "end": "add9"},
    chords_per_bar=0.5,
    layers={
        "pad": Layer(
            voices=("strings", "warm_pad", "analog_pad", "glass_pad"),
            figures={"": (Figure("", gate=0.98),)},
            play={
                "intro": 0.75,
                "verse": 0.6,
                "pre_chorus": 0.75,
                "chorus": 0.7,
                "bridge": 0.9,
                "instrumental": 0.55,
                "outro": 0.75,
            },
            channel=Channel(-21.0, width=1.3, hall=0.4, duck=0.3),
            low=53,
            high=77,
        ),
        "keys": Layer(
            voices=("electric_piano", "piano", "vibraphone"),
            figures={
                "": (
                    Figure("x-----x---x-----................", gate=0.9, strum=0.03),
                    Figure("x---------x-----....x-----x-----", gate=0.9, strum=0.03),
                ),
                "chorus": (
                    Figure("x--x--x-----x---x--x--x---------", gate=0.8),
                    Figure("x-----x-----x---x-----x---x-x---", gate=0.8),
                ),
            },
            play={
                "intro": 0.7,
                "verse": 0.6,
                "verse2": 0.7,
                "chorus": 0.65,
                "bridge": 0.8,
                "outro": 0.7,
            },
            channel=Channel(-21.5, pan=-0.15, room=0.1, hall=0.22, echo=0.18, duck=0.2),
            low=55,
            high=79,
            rootless=True,
            span={"intro": (0.5, 1.0)},
        ),
        "arpeggio": Layer(
            voices=("saw_pluck", "soft_pluck", "bell", "kalimba"),
            figures={
                "": (Figure("x..x..x..x..x.x.", "updown", 0.75), Figure("x.x..x.x..x.x..x", "up", 0.7)),
                "chorus": (
                    Figure("x.xx.xx.x.xx.xx.", "updown", 0.7),
                    Figure("xox.xox.xox.xox.", "up", 0.7),
                ),
            },
            play={
                "intro": 0.6,
                "verse2": 0.55,
                "pre_chorus": 0.7,
                "chorus": 0.65,
                "instrumental": 0.75,
                "bridge": 0.6,
                "outro": 0.5,
            },
            channel=Channel(-24.0, pan=0.3, hall=0.22, echo=0.35, duck=0.25),
            low=62,
            high=86,
            span={"outro": (0.0, 0.5)},
        ),
        "stabs": Layer(
            voices=("stab", "supersaw"),
            figures={"": (Figure("x.....x.........", gate=0.6), Figure("x..x......x.....", gate=0.6))},
            play={"chorus_final": 0.75, "instrumental": 0.8},
            channel=Channel(-22.0, width=1.3, room=0.1, hall=0.2, echo=0.2, duck=0.4),
            low=55,
            high=79,
            notes=3,
        ),
    },
    bass=BassStyle(
        voices=("reese_bass", "analog_bass", "sub_bass"),
        patterns={
            "": ("R---------R-----R-----R---R-----", "R-------------R-R---------5-----"),
            "chorus": (
                "R--R--R---R-----R--R--R---O-5-R-",
                "R-----R-R-R---5-R-----R-R-O-----",
                "R---R-----R-R---R---R-----R---A-",
            ),
            "instrumental": ("R-R---O-R-R---R-R-R---O---R-5-R-", "R--R-R--R--R-O--R--R-R--R-5-R-O-"),
            "bridge": ("R-------------------------------",),
        },
        play={
            "verse": 0.8,
            "pre_chorus": 0.7,
            "chorus": 0.95,
            "bridge": 0.5,
            "instrumental": 0.95,
            "outro": 0.7,
        },
        channel=Channel(-13.5, width=0.2, duck=0.4),
        low=29,
        gate=0.92,
    ),
    lead=LeadStyle(
        voices=("voice", "soft_lead", "choir_voice"),
        answers=("saw_lead", "square_lead", "flute"),
        verse_cells=("x...x.x.x...x...", "x..x..x.x.x.....", "..x.x.x...x.x..."),
        chorus_cells=("x...x...x.x.x...", "x..x..x...x.x...", "x.....x.x...x..."),
        low=60,
        high=72,
        channel=Channel(-17.0, room=0.08, hall=0.28, echo=0.22, duck=0.1),
        answer_channel=Channel(-22.5, pan=-0.25, hall=0.3, echo=0.35, duck=0.2),
        lift=3,
        lively=0.45,
        play={"verse2": 0.5, "chorus": 0.6, "instrumental": 0.85, "bridge": 0.5, "intro": 0.0, "outro": 0.0},
    ),
    drums=DrumStyle(
        kit=_KIT,
        grooves=_GROOVES,
        fills=_FILLS,
        intensity={
            "intro": ">light",
            "verse": "main",
            "pre_chorus": "half",
            "chorus": "full",
            "instrumental": "full",
            "bridge": ">light",
            "outro": "half>light",
        },
        channel=Channel(-11.0),
        builds=("verse", "pre_chorus", "bridge"),
        build_bars=4,
    ),
    sound=Sound(
        room=Room(0.5, damping=0.35),
        hall=Room(3.0, pre_delay_s=0.03, damping=0.55),
        echo_beats=1.5,
        echo_feedback=0.4,
        duck_s=0.14,
        glue_db=3.0,
        ring_s=2.8,
        opens=("intro", "pre_chorus", "bridge"),
    ),
    turnaround={"minor": "7", "major": "5"},
    counts_double=True,
    loose_ms=2.0,
)
