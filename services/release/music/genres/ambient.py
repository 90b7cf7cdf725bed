"""Ambient: slow light. Long chords that grow and fade, bells far away, a pulse more felt than heard."""

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
    "heartbeat": Stroke(drums.heartbeat(tune_hz=46), 0.0, hall=0.15),
    "shaker": Stroke(drums.shaker(low_hz=5_500, length_s=0.12), -17.0, pan=0.4, hall=0.3, takes=3),
    "rim": Stroke(drums.rim(tune_hz=430), -18.0, pan=-0.4, hall=0.5, takes=2),
    "kick": Stroke(drums.heartbeat(tune_hz=44), 0.0, hall=0.2),
    "swell": Stroke(drums.cymbal(length_s=3.5, low_hz=1_800), -20.0, hall=0.6),
}
_GROOVES = {
    "light": (
        {
            "heartbeat": "o...............",
        },
        {"heartbeat": "o.......g......."},
    ),
    "main": (
        {"heartbeat": "x.......o.......", "shaker": "..g...g...g...g."},
        {"heartbeat": "x...g...o...g...", "rim": "........g......."},
    ),
    "full": (
        {"heartbeat": "x...o...x...o...", "shaker": "..o...o...o...o.", "rim": "......g.......g."},
        {"heartbeat": "x...o...x...o...", "shaker": "g.o.g.o.g.o.g.o.", "rim": "....g.......g..."},
    ),
}

GENRE = Genre(
    name="ambient",
    tempo_bpm=(58, 84),
    bars={"intro": 4, "verse": 8, "pre_chorus": 4, "chorus": 8, "bridge": 8, "instrumental": 8, "outro": 6},
    progressions={
        "major": {
            "verse": ("1 4", "1 6 4 1", "1 3 4 4"),
            "pre_chorus": ("4 6", "2 4"),
            "chorus": ("4 1 6 5", "6 4 1 5", "4 6 1 1"),
            "bridge": ("6 2", "2 4"),
        },
        "minor": {
            "verse": ("1 6", "1 4 6 1", "1 7 6 6"),
            "pre_chorus": ("4 6", "6 7"),
            "chorus": ("6 3 7 1", "6 7 1 1", "4 6 1 7"),
            "bridge": ("4 6", "6 4"),
        },
    },
    colours={"": "add9", "chorus": "9", "bridge": "sus2", "end": "add9"},
    chords_per_bar=0.5,
    layers={
        "pad": Layer(
            voices=("warm_pad", "glass_pad", "choir"),
            figures={"": (Figure("", gate=1.0),)},
            play={"": 0.7, "chorus": 0.85, "intro": 0.6, "outro": 0.7},
            channel=Channel(-17.0, width=1.2, hall=0.5),
            low=48,
            high=74,
        ),
        "halo": Layer(
            voices=("strings", "glass_pad", "choir"),
            figures={"": (Figure("", gate=0.95),)},
            play={"chorus": 0.7, "pre_chorus": 0.5, "bridge": 0.6, "instrumental": 0.6, "verse2": 0.4},
            channel=Channel(-21.5, width=1.35, hall=0.6),
            low=62,
            high=86,
            notes=3,
            rootless=True,
        ),
        "drops": Layer(
            voices=("bell", "kalimba", "harp", "felt_piano"),
            figures={
                "": (Figure("x...o...x...o...", "updown", 1.0), Figure("x...o...x.o.o...", "up", 1.0)),
                "chorus": (Figure("x.o.x.o.x.o.x.o.", "updown", 1.0), Figure("x.o.o.x.o.x.o.o.", "up", 1.0)),
            },
            play={
                "intro": 0.5,
                "verse": 0.6,
                "pre_chorus": 0.6,
                "chorus": 0.7,
                "bridge": 0.5,
                "instrumental": 0.7,
                "outro": 0.5,
            },
            channel=Channel(-20.5, pan=-0.25, hall=0.55, echo=0.4),
            low=64,
            high=88,
            span={"intro": (0.5, 1.0), "verse1": (0.25, 1.0)},
        ),
        "felt": Layer(
            voices=("felt_piano", "electric_piano", "harp"),
            figures={
                "": (
                    Figure("x.......o.......", "chord", 1.0, 0.06),
                    Figure("x...........o...", "chord", 1.0, 0.08),
                )
            },
            play={"verse2": 0.5, "chorus": 0.6, "bridge": 0.65, "instrumental": 0.6, "outro": 0.55},
            channel=Channel(-22.0, pan=0.2, hall=0.45, echo=0.15),
            low=50,
            high=74,
            notes=3,
        ),
    },
    bass=BassStyle(
        voices=("sub_bass",),
        span={"intro": (0.5, 1.0)},
        patterns={"": ("R---------------",), "chorus": ("R-------R-------", "R-------5-------")},
        play={"": 0.7, "chorus": 0.85, "intro": 0.5},
        channel=Channel(-18.0, width=0.2, hall=0.06),
        low=31,
        gate=1.0,
    ),
    lead=LeadStyle(
        voices=("flute", "choir_voice", "soft_lead"),
        answers=("bell", "vibraphone", "harp"),
        verse_cells=("x...x...x.x.....", "..x...x.x...x...", "x...x.x.x......."),
        chorus_cells=("x.....x.x...x...", "x...x...x.......", "x..x....x...x..."),
        low=62,
        high=74,
        channel=Channel(-20.0, hall=0.5, echo=0.3),
        answer_channel=Channel(-24.0, pan=0.35, hall=0.6, echo=0.4),
        lift=2,
        lively=0.4,
        play={"chorus": 0.45, "instrumental": 0.7, "verse2": 0.4, "intro": 0.0, "bridge": 0.4, "outro": 0.0},
        harmony=False,
    ),
    drums=DrumStyle(
        kit=_KIT,
        grooves=_GROOVES,
        fills=(),
        intensity={
            "verse": "main",
            "verse1": "light",
            "pre_chorus": "main",
            "chorus": "full",
            "instrumental": "full",
            "bridge": "light",
            "outro": "light",
        },
        channel=Channel(-19.5),
        crash="swell",
    ),
    sound=Sound(
        room=Room(1.2, damping=0.6),
        hall=Room(5.0, pre_delay_s=0.05, damping=0.7, low_cut_hz=180),
        echo_beats=0.75,
        echo_feedback=0.55,
        duck_s=0.4,
        atmosphere="wash",
        atmosphere_db=-39.0,
        glue_db=1.5,
        ring_s=3.6,
    ),
    ending="fade",
    loose_ms=8.0,
)
