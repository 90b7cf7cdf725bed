"""Techno: one chord and a machine. A hard kick, a rumble under it, an acid line that opens, dark stabs."""

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
        drums.kick(tune_hz=45, sweep=3.1, sweep_s=0.03, length_s=0.4, click=0.4, drive=3.0), 0.0, room=0.06
    ),
    "clap": Stroke(drums.clap(tail_s=0.2, centre_hz=1_250), -8.0, room=0.25, hall=0.06, takes=2),
    "snare": Stroke(drums.snare(tune_hz=175, ring_s=0.08, wires_s=0.13, wires=0.9), -9.5, room=0.25, takes=2),
    "hat": Stroke(drums.hat(length_s=0.03, low_hz=8_500, metal=0.65), -15.0, pan=-0.2, takes=4),
    "open_hat": Stroke(drums.hat(length_s=0.16, low_hz=7_000, metal=0.65), -9.5, pan=0.1, takes=3),
    "ride": Stroke(drums.cymbal(length_s=0.7, low_hz=4_500, ping=0.35), -15.5, pan=0.25, takes=2),
    "rim": Stroke(drums.rim(tune_hz=720), -13.5, pan=0.35, room=0.2, hall=0.2, takes=2),
    "tom_low": Stroke(drums.tom(tune_hz=82, length_s=0.26, pan=-0.3), -9.0, room=0.3),
    "tom_high": Stroke(drums.tom(tune_hz=128, length_s=0.2, pan=0.3), -11.0, room=0.3, hall=0.1),
    "crash": Stroke(drums.cymbal(length_s=3.0, low_hz=2_400), -13.0, hall=0.3),
    "impact": Stroke(drums.sub_drop(from_hz=80, length_s=2.4), -9.0, hall=0.35),
    "roll": Stroke(drums.clap(tail_s=0.1, centre_hz=1_500), -10.0, room=0.3, takes=2),
}
_FLOOR = "X...X...X...X..."
_FAR = "o...o...o...o..."
_GROOVES = {
    "pulse": (
        {"kick": _FAR},
        {"kick": _FAR, "rim": "..........x....."},
    ),
    "light": (
        {"kick": _FAR, "hat": "..x...x...x...x.", "rim": "...x......x....."},
        {"kick": _FAR, "hat": "g.x.g.x.g.x.g.x.", "tom_high": "......x......x.."},
    ),
    "main": (
        {
            "kick": _FLOOR,
            "clap": "....x.......x...",
            "open_hat": "..x...x...x...x.",
            "hat": "gogggogggogggogg",
            "rim": "...x..x....x....",
        },
        {
            "kick": _FLOOR,
            "open_hat": "..x...x...x...x.",
            "clap": "............x...",
            "hat": "g.g.g.g.g.g.g.gg",
            "tom_low": "......x....x..x.",
        },
        {
            "kick": _FLOOR,
            "open_hat": "..x...x...x...x.",
            "hat": "gggogggogggogggo",
            "clap": "....x.......x...",
            "tom_high": "......x..x......",
            "rim": "..x.......x..x..",
        },
    ),
    "full": (
        {
            "kick": _FLOOR,
            "clap": "....x.......x...",
            "open_hat": "..X...X...X...X.",
            "hat": "ogogogogogogogog",
            "ride": "x.x.x.x.x.x.x.x.",
            "rim": "...x..x....x..x.",
        },
        {
            "kick": "X...X...X...X.g.",
            "clap": "....x.......x..g",
            "open_hat": "..X...X...X...X.",
            "hat": "gogggogggogggogg",
            "ride": "..x...x...x...x.",
            "tom_low": "...x..x....x..x.",
            "tom_high": ".........x...x..",
        },
    ),
    "break": ({"hat": "..o...o...o...o.", "rim": "...x......x....."},),
}
_FILLS = (
    {"kick": "X...X...X.......", "tom_low": "..........x.x.xx", "clap": "....x..........."},
    {"kick": "X...X...........", "clap": "........x...x.xx"},
    {"kick": "X...X...X...X...", "tom_high": "......x.x.......", "tom_low": "..........x.x.x."},
)

GENRE = Genre(
    name="techno",
    tempo_bpm=(126, 138),
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
            "verse": ("1", "1 1 1 7", "1 1 1 6"),
            "pre_chorus": ("6 6 7 7", "4 4 5 5"),
            "chorus": ("1 1 6 7", "1 1 4 4", "1 1 3 7", "1 6 1 7"),
            "bridge": ("6 6 7 7", "4 4 6 6"),
        },
        "major": {
            "verse": ("1", "1 1 1 4", "1 1 1 5"),
            "pre_chorus": ("2 2 5 5", "4 4 5 5"),
            "chorus": ("1 1 4 4", "1 1 6 5", "1 4 1 5"),
            "bridge": ("6 6 4 4", "4 4 5 5"),
        },
    },
    colours={"": "", "pre_chorus": "sus2", "bridge": "add9", "end": "5"},
    layers={
        "acid": Layer(
            voices=("acid", "square_pluck"),
            figures={
                "": (
                    Figure("x.xx.ox.x.xo.xx.", "broken", 0.6),
                    Figure("xo.x.xo.xo.x.xox", "broken", 0.55),
                    Figure("x..xo.x..xo.x.o.", "updown", 0.6),
                ),
                "chorus": (
                    Figure("xoxxoxoxxoxxoxox", "broken", 0.6),
                    Figure("xoxoxxoxxoxoxxox", "updown", 0.55),
                ),
            },
            play={
                "intro": 0.5,
                "verse": 0.6,
                "pre_chorus": 0.75,
                "chorus": 0.8,
                "bridge": 0.5,
                "instrumental": 0.85,
                "outro": 0.55,
            },
            channel=Channel(-20.0, pan=0.12, room=0.08, hall=0.12, echo=0.22, duck=0.35),
            low=45,
            high=69,
            notes=3,
            span={"intro": (0.5, 1.0), "outro": (0.0, 0.5)},
        ),
        "stabs": Layer(
            voices=("stab", "organ", "supersaw"),
            figures={
                "": (
                    Figure("...x.....x......", gate=0.7),
                    Figure("..x.......x...x.", gate=0.65),
                    Figure("......x.....x...", gate=0.7),
                ),
                "chorus": (
                    Figure("...x..x....x..x.", gate=0.75),
                    Figure("..x..x..x..x..x.", gate=0.7),
                ),
            },
            play={"verse2": 0.6, "pre_chorus": 0.65, "chorus": 0.85, "instrumental": 0.75, "bridge": 0.5},
            channel=Channel(-20.0, width=1.25, room=0.12, hall=0.28, echo=0.45, duck=0.5),
            low=53,
            high=77,
            notes=3,
        ),
        "drone": Layer(
            voices=("warm_pad", "analog_pad", "choir"),
            figures={"": (Figure("", gate=1.0),)},
            play={
                "intro": 0.6,
                "verse": 0.4,
                "pre_chorus": 0.75,
                "chorus": 0.55,
                "bridge": 0.9,
                "instrumental": 0.45,
                "outro": 0.6,
            },
            channel=Channel(-23.0, width=1.3, hall=0.4, duck=0.7),
            low=50,
            high=74,
            notes=3,
        ),
        "sparks": Layer(
            voices=("bell", "kalimba", "soft_pluck"),
            figures={"": (Figure("......x.........", "top", 0.9), Figure("x.........x.....", "broken", 0.9))},
            play={"verse": 0.4, "bridge": 0.7, "chorus": 0.5, "instrumental": 0.6, "outro": 0.4},
            channel=Channel(-26.0, pan=-0.4, hall=0.4, echo=0.5, duck=0.3),
            low=69,
            high=93,
            notes=3,
            span={"verse": (0.5, 1.0), "chorus": (0.5, 1.0)},
        ),
    },
    bass=BassStyle(
        voices=("rumble_bass", "sub_bass", "house_bass"),
        patterns={
            "": ("..RR..RR..RR..RR", ".RRR.RRR.RRR.RRR", "..R-..RR..R-..RR"),
            "chorus": (".RRR.RRR.RRR.RRO", "..RR.RRR..RR.RR5"),
            "bridge": ("R---------------",),
        },
        play={
            "intro": 0.5,
            "verse": 0.85,
            "pre_chorus": 0.8,
            "chorus": 0.95,
            "bridge": 0.55,
            "instrumental": 0.95,
            "outro": 0.8,
        },
        channel=Channel(-15.0, width=0.1, duck=0.8),
        low=33,
        gate=0.85,
        span={"intro": (0.5, 1.0)},
    ),
    lead=LeadStyle(
        voices=("choir_voice", "voice", "soft_lead"),
        answers=("square_lead", "saw_lead", "bell"),
        verse_cells=("x.x.x...x.......", "x..x..x.........", "..x.x.x.x......."),
        chorus_cells=("x..x..x.x.......", "x.x...x.x.x.....", "x...x.x...x....."),
        low=59,
        high=70,
        channel=Channel(-19.5, room=0.08, hall=0.3, echo=0.35, duck=0.2),
        answer_channel=Channel(-23.5, pan=-0.25, hall=0.3, echo=0.4, duck=0.25),
        lift=2,
        lively=0.25,
        play={"verse2": 0.45, "chorus": 0.5, "instrumental": 0.8, "bridge": 0.5, "intro": 0.0, "outro": 0.0},
        harmony=False,
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
            "bridge": ">break",
            "outro": "main>pulse",
        },
        channel=Channel(-10.0),
        builds=("verse", "pre_chorus", "bridge"),
        build_bars=4,
    ),
    sound=Sound(
        room=Room(0.6, damping=0.6),
        hall=Room(3.2, pre_delay_s=0.02, damping=0.75, low_cut_hz=260),
        echo_beats=0.75,
        echo_feedback=0.5,
        duck_s=0.26,
        glue_db=3.5,
        ring_s=3.0,
        opens=("intro", "verse", "pre_chorus", "bridge"),
        opens_from_hz=320.0,
    ),
    loose_ms=1.5,
)
