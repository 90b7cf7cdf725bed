"""Pop: the voice first. Piano or guitar, a firm beat, choruses that open wide."""

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
    "kick": Stroke(drums.kick(tune_hz=54, sweep=3.0, length_s=0.32, click=0.5, drive=1.7), 0.0),
    "snare": Stroke(
        drums.snare(tune_hz=200, ring_s=0.15, wires_s=0.22, wires=0.85), -3.0, room=0.35, takes=3
    ),
    "clap": Stroke(drums.clap(tail_s=0.22, centre_hz=1_600), -8.0, room=0.3, takes=2),
    "snap": Stroke(drums.snap(), -9.0, pan=0.15, room=0.35, takes=2),
    "hat": Stroke(drums.hat(length_s=0.05, low_hz=7_000, metal=0.45), -12.5, pan=0.2, takes=4),
    "open_hat": Stroke(drums.hat(length_s=0.25, low_hz=6_500, metal=0.45), -12.5, pan=0.2, takes=2),
    "shaker": Stroke(drums.shaker(), -15.5, pan=-0.4, takes=3),
    "tom_high": Stroke(drums.tom(tune_hz=150, length_s=0.4, pan=0.3), -6.0, room=0.3),
    "tom_low": Stroke(drums.tom(tune_hz=92, length_s=0.45, pan=-0.3), -5.0, room=0.3),
    "crash": Stroke(drums.cymbal(length_s=2.6), -11.5, pan=0.3, hall=0.2),
    "impact": Stroke(drums.sub_drop(length_s=1.6), -11.0, hall=0.25),
    "roll": Stroke(drums.snare(tune_hz=205, wires_s=0.15), -8.0, room=0.3, takes=2),
}
_GROOVES = {
    "light": (
        {"kick": "x.......x.......", "snap": "....x.......x..."},
        {"kick": "x.........x.....", "snap": "....x.......x...", "shaker": "g.o.g.o.g.o.g.o."},
    ),
    "main": (
        {"kick": "x.....x...x.....", "snare": "....x.......x...", "hat": "x.o.x.o.x.o.x.o."},
        {
            "kick": "x......xx.......",
            "snare": "....x.......x...",
            "hat": "x.o.x.o.x.o.x.o.",
            "shaker": "..o...o...o...o.",
        },
        {"kick": "x..x....x.x.....", "snare": "....x.......x...", "hat": "o.x.o.x.o.x.o.x."},
    ),
    "full": (
        {
            "kick": "x.....x.x.x.....",
            "snare": "....X.......X...",
            "clap": "....x.......x...",
            "hat": "xgo.xgo.xgo.xgo.",
            "open_hat": "..............x.",
            "shaker": "ogogogogogogogog",
        },
        {
            "kick": "x...x...x...x...",
            "snare": "....X.......X...",
            "clap": "....x.......x...",
            "open_hat": "..x...x...x...x.",
            "shaker": "ogogogogogogogog",
        },
        {
            "kick": "x..x..x.x..x....",
            "snare": "....X.......X..g",
            "clap": "....x.......x...",
            "hat": "x.x.x.x.x.x.x.x.",
            "open_hat": "..............x.",
        },
    ),
}
_FILLS = (
    {"kick": "x.......x.......", "snare": "....x.....x.x.xx"},
    {
        "kick": "x...............",
        "snare": "....x...xx......",
        "tom_high": "..........xx....",
        "tom_low": "............x.x.",
    },
    {"kick": "x.....x.........", "snare": "....x..x..x.xxxx"},
)

GENRE = Genre(
    name="pop",
    tempo_bpm=(96, 126),
    bars={"intro": 4, "verse": 8, "pre_chorus": 4, "chorus": 8, "bridge": 8, "instrumental": 4, "outro": 4},
    progressions={
        "major": {
            "verse": ("1 5 6 4", "1 6 4 5", "6 4 1 5", "1 3 4 4", "1 4 6 5"),
            "pre_chorus": ("2 4 5 5", "6 5 4 5", "4 5 6 5"),
            "chorus": ("1 5 6 4", "4 1 5 6", "6 4 1 5", "1 4 6 5", "4 5 1 6"),
            "bridge": ("6 3 4 5", "2 6 4 5", "4 3 2 5"),
        },
        "minor": {
            "verse": ("1 6 3 7", "1 4 6 7", "1 7 6 6", "1 3 4 6"),
            "pre_chorus": ("4 6 7 7", "6 7 4 5!"),
            "chorus": ("6 3 7 1", "1 6 3 7", "6 7 1 3", "4 6 3 7"),
            "bridge": ("4 1 6 5!", "6 4 1 7"),
        },
    },
    colours={"": "", "verse": "add9", "bridge": "7", "end": ""},
    layers={
        "keys": Layer(
            voices=("piano", "guitar", "electric_piano", "felt_piano"),
            figures={
                "": (
                    Figure("x---x---x---x---", gate=0.9),
                    Figure("x-----x-----x---", gate=0.92, strum=0.012),
                    Figure("x---o-o-x---o-o-", gate=0.9, strum=0.012),
                ),
                "chorus": (
                    Figure("x-o-x-o-x-o-x-o-", gate=0.9, strum=0.01),
                    Figure("x--x--x-x--x--x-", gate=0.9),
                    Figure("x-.xx-x-.xx-x-x-", gate=0.9, strum=0.014),
                ),
                "bridge": (Figure("x---------------", gate=0.95, strum=0.03),),
                "intro": (Figure("x-----x-----x---", gate=0.92), Figure("x.o.x.o.x.o.x.o.", "updown", 0.95)),
            },
            play={"": 0.75, "chorus": 0.85, "intro": 0.95, "bridge": 0.8, "outro": 0.8},
            channel=Channel(-18.5, pan=-0.1, room=0.12, hall=0.14),
            low=52,
            high=77,
        ),
        "pad": Layer(
            voices=("strings", "warm_pad", "analog_pad"),
            figures={"": (Figure("", gate=0.98),)},
            play={
                "intro": 0.6,
                "verse2": 0.45,
                "pre_chorus": 0.7,
                "chorus": 0.75,
                "bridge": 0.8,
                "instrumental": 0.7,
                "outro": 0.6,
            },
            channel=Channel(-22.5, width=1.25, hall=0.3, duck=0.3),
            low=55,
            high=79,
        ),
        "wide": Layer(
            voices=("supersaw", "stab", "muted_guitar"),
            figures={
                "": (
                    Figure("x---x---x---x---", gate=0.8),
                    Figure("x--x--x---x--x--", gate=0.8),
                    Figure("x-x-x-x-x-x-x-x-", gate=0.7),
                )
            },
            play={"chorus": 0.7, "chorus_final": 0.85, "instrumental": 0.7},
            channel=Channel(-22.0, width=1.3, hall=0.18, duck=0.4),
            low=54,
            high=79,
        ),
        "pluck": Layer(
            voices=("soft_pluck", "bell", "guitar", "harp"),
            figures={"": (Figure("..x..x..x..x..x.", "up", 0.8), Figure("x.x...x.x.x...x.", "broken", 0.8))},
            play={
                "intro": 0.6,
                "verse": 0.4,
                "verse2": 0.55,
                "pre_chorus": 0.6,
                "chorus": 0.55,
                "instrumental": 0.7,
                "bridge": 0.5,
            },
            channel=Channel(-24.5, pan=0.35, hall=0.2, echo=0.25),
            low=62,
            high=86,
        ),
    },
    bass=BassStyle(
        voices=("electric_bass", "analog_bass", "square_bass"),
        patterns={
            "": ("R-------R-----A-", "R-----R-R-----5-", "R--R--R---R---A-"),
            "chorus": ("R-R-R-R-R-R-R-R-", "R--R--R-R--R--A-", "R-R-O-R-R-R-5-A-"),
            "bridge": ("R---------------",),
            "pre_chorus": ("R-R-R-R-R-R-R-R-", "R---R---R---R---"),
        },
        play={
            "verse": 0.75,
            "pre_chorus": 0.85,
            "chorus": 0.95,
            "bridge": 0.6,
            "instrumental": 0.9,
            "outro": 0.7,
        },
        channel=Channel(-15.5, width=0.25, duck=0.25),
        low=31,
    ),
    lead=LeadStyle(
        voices=("voice", "saw_lead", "soft_lead"),
        answers=("square_lead", "bell", "flute"),
        verse_cells=("x.xxx.x.xx.xx...", ".xxxx.x..xx.x...", "x.xx.xx.x.xxx..."),
        chorus_cells=("x.x.x..xx.x.x...", "x..xx.x.x..x....", "x.x..xx.x.x....."),
        low=60,
        high=72,
        channel=Channel(-16.0, room=0.12, hall=0.2, echo=0.14),
        answer_channel=Channel(-22.5, pan=0.28, hall=0.22, echo=0.25),
        lift=3,
        lively=0.55,
        play={"verse2": 0.5, "chorus": 0.6, "instrumental": 0.85, "intro": 0.0, "bridge": 0.5, "outro": 0.0},
    ),
    drums=DrumStyle(
        kit=_KIT,
        grooves=_GROOVES,
        fills=_FILLS,
        intensity={
            "verse": "main",
            "verse1": "light",
            "pre_chorus": "main",
            "chorus": "full",
            "instrumental": "full",
            "bridge": "light",
            "outro": "light",
        },
        channel=Channel(-11.5),
        builds=("pre_chorus", "bridge"),
    ),
    sound=Sound(
        room=Room(0.6, damping=0.45),
        hall=Room(2.0, pre_delay_s=0.03, damping=0.55),
        echo_beats=0.5,
        duck_s=0.18,
        glue_db=3.0,
        ring_s=2.4,
        opens=("pre_chorus",),
        opens_from_hz=900.0,
    ),
    turnaround={"minor": "5!", "major": "5"},
    loose_ms=5.0,
)
