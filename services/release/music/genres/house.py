"""House: four on the floor. Off-beat hats and bass, syncopated stabs, pads that breathe with the kick."""

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
        drums.kick(tune_hz=48, sweep=3.4, sweep_s=0.028, length_s=0.36, click=0.45, drive=2.0), 0.0
    ),
    "clap": Stroke(drums.clap(tail_s=0.24, centre_hz=1_400), -5.5, room=0.3, takes=2),
    "snare": Stroke(drums.snare(tune_hz=210, ring_s=0.09, wires_s=0.14, wires=0.8), -9.0, room=0.2, takes=2),
    "hat": Stroke(drums.hat(length_s=0.04, low_hz=7_500, metal=0.4), -14.0, pan=-0.18, takes=4),
    "open_hat": Stroke(drums.hat(length_s=0.19, low_hz=6_500, metal=0.5), -9.0, pan=0.12, takes=3),
    "shaker": Stroke(drums.shaker(low_hz=6_000, length_s=0.07), -14.5, pan=0.4, takes=3),
    "rim": Stroke(drums.rim(tune_hz=640), -13.0, pan=-0.35, room=0.25, hall=0.1, takes=2),
    "tom_low": Stroke(drums.tom(tune_hz=96, length_s=0.32, pan=-0.2), -8.0, room=0.2),
    "crash": Stroke(drums.cymbal(length_s=2.4), -12.0, hall=0.2),
    "impact": Stroke(drums.sub_drop(length_s=1.8), -9.0, hall=0.3),
    "roll": Stroke(drums.snare(tune_hz=220, wires_s=0.12), -8.0, room=0.25, takes=2),
}
_FLOOR = "x...x...x...x..."
_GROOVES = {
    "pulse": (
        {"kick": "o...o...o...o..."},
        {"kick": "o...o...o...o...", "rim": "..........g....."},
    ),
    "light": (
        {"kick": _FLOOR, "hat": "..x...x...x...x."},
        {"kick": _FLOOR, "shaker": "g.o.g.o.g.o.g.o."},
    ),
    "main": (
        {
            "kick": _FLOOR,
            "clap": "....x.......x...",
            "open_hat": "..x...x...x...x.",
            "hat": "gg.ggg.ggg.ggg.g",
            "rim": "...x..x....x....",
        },
        {
            "kick": _FLOOR,
            "clap": "....x.......x...",
            "open_hat": "..x...x...x...x.",
            "shaker": "ogogogogogogogog",
            "rim": ".......x..x.....",
        },
    ),
    "full": (
        {
            "kick": _FLOOR,
            "clap": "....X.......X...",
            "open_hat": "..X...X...X...X.",
            "hat": "og.gog.gog.gog.g",
            "shaker": "ogxgogxgogxgogxg",
            "rim": "...x..x....x..x.",
        },
        {
            "kick": "x...x...x...x.g.",
            "clap": "....X.......X..g",
            "open_hat": "..X...X...X...X.",
            "hat": "ogogogogogogogog",
            "shaker": "ogxgogxgogxgogxg",
            "tom_low": "......x....x....",
        },
    ),
    "break": ({"hat": "..o...o...o...o.", "rim": "...x..x....x....", "shaker": "gggggggggggggggg"},),
}
_FILLS = (
    {"kick": "x...x...x.......", "clap": "....x.......x.xx"},
    {"kick": "x...x.......x...", "snare": "..........x.xxxx"},
    {"kick": "x...x...x...x...", "tom_low": "......x..x..x.x.", "clap": "....x..........."},
)

GENRE = Genre(
    name="house",
    tempo_bpm=(118, 128),
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
            "verse": ("1 1 6 7", "1 4 1 7", "1 7 6 6", "1 3 6 7"),
            "pre_chorus": ("6 7 4 5", "4 4 5 5"),
            "chorus": ("6 7 1 1", "4 6 1 7", "1 6 4 7", "6 5 1 3"),
            "bridge": ("6 1 4 7", "4 1 6 7"),
        },
        "major": {
            "verse": ("1 1 4 4", "1 6 2 5", "6 5 4 4"),
            "pre_chorus": ("2 3 4 5", "4 4 5 5"),
            "chorus": ("4 5 3 6", "6 4 1 5", "4 1 6 5", "1 3 4 2"),
            "bridge": ("6 3 4 4", "2 4 6 5"),
        },
    },
    colours={"": "7", "chorus": "9", "pre_chorus": "7", "end": "add9"},
    layers={
        "stabs": Layer(
            voices=("piano", "organ", "stab", "electric_piano"),
            figures={
                "": (Figure("..x..x....x..x..", gate=0.75), Figure("x..x..x...x..x..", gate=0.7)),
                "chorus": (
                    Figure("x--x--x-.x--x-x-", gate=0.85),
                    Figure("x--x-x--x--x-x--", gate=0.85),
                    Figure("x-.x-.x-.xx-.x-.", gate=0.8),
                ),
            },
            play={"verse2": 0.65, "pre_chorus": 0.7, "chorus": 0.9, "instrumental": 0.85},
            channel=Channel(-17.5, room=0.12, hall=0.14, duck=0.4),
            low=53,
            high=77,
            rootless=True,
        ),
        "pad": Layer(
            voices=("warm_pad", "strings", "analog_pad"),
            figures={"": (Figure("", gate=0.98),)},
            play={
                "intro": 0.6,
                "verse": 0.55,
                "pre_chorus": 0.75,
                "chorus": 0.65,
                "bridge": 0.9,
                "instrumental": 0.6,
                "outro": 0.7,
            },
            channel=Channel(-22.0, width=1.25, hall=0.3, duck=0.75),
            low=55,
            high=79,
            rootless=True,
        ),
        "pluck": Layer(
            voices=("soft_pluck", "saw_pluck", "kalimba"),
            figures={"": (Figure("x..x..x.x..x..x.", "updown", 0.8), Figure("..x.x..x..x.x..x", "up", 0.8))},
            play={
                "intro": 0.6,
                "verse": 0.55,
                "pre_chorus": 0.65,
                "bridge": 0.7,
                "chorus": 0.55,
                "chorus_final": 0.65,
                "outro": 0.5,
            },
            channel=Channel(-23.0, pan=0.3, hall=0.2, echo=0.35, duck=0.35),
            low=60,
            high=84,
            span={"intro": (0.5, 1.0), "outro": (0.0, 0.5)},
        ),
    },
    bass=BassStyle(
        voices=("house_bass", "analog_bass", "square_bass"),
        patterns={
            "": ("..R-..R-..R-..R-", "..R-..RO..R-..R7", "R..R..R...R..R.."),
            "chorus": ("..R-.RR-..R-.RO-", "R..R.OR.R..R.O5.", "..RR..RO..RR..5A"),
            "bridge": ("R---------------",),
        },
        play={
            "verse": 0.8,
            "pre_chorus": 0.8,
            "chorus": 0.95,
            "bridge": 0.6,
            "instrumental": 0.95,
            "outro": 0.75,
        },
        channel=Channel(-15.0, width=0.15, duck=0.55),
        low=33,
        gate=0.8,
    ),
    lead=LeadStyle(
        voices=("voice", "choir_voice", "soft_lead"),
        answers=("saw_lead", "bell", "square_lead"),
        verse_cells=("x..x..x.xx.x....", ".x.xx.x..x.xx...", "x.xx.x..x.x....."),
        chorus_cells=("x..x..x.x..x....", "x.x..x..x..x.x..", ".x..x.x..x..x..."),
        low=60,
        high=72,
        channel=Channel(-17.5, room=0.1, hall=0.2, echo=0.22, duck=0.15),
        answer_channel=Channel(-22.5, pan=-0.25, hall=0.2, echo=0.3, duck=0.2),
        lively=0.4,
        play={"verse2": 0.5, "chorus": 0.6, "instrumental": 0.85, "intro": 0.0, "bridge": 0.5, "outro": 0.0},
    ),
    drums=DrumStyle(
        kit=_KIT,
        grooves=_GROOVES,
        fills=_FILLS,
        intensity={
            "intro": "pulse>light",
            "verse": "main",
            "verse1": "light>main",
            "pre_chorus": "light",
            "chorus": "full",
            "instrumental": "full",
            "bridge": "break",
            "outro": "light>pulse",
        },
        channel=Channel(-10.5),
        builds=("verse", "pre_chorus", "bridge"),
        build_bars=4,
    ),
    sound=Sound(
        room=Room(0.45, damping=0.4),
        hall=Room(2.2, pre_delay_s=0.025, damping=0.55),
        echo_beats=0.75,
        duck_s=0.3,
        glue_db=3.0,
        ring_s=2.4,
        opens=("intro", "verse", "pre_chorus", "bridge"),
        opens_from_hz=380.0,
    ),
    swing=0.535,
    loose_ms=2.5,
)
