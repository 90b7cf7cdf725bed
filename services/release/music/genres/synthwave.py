"""Synthwave: a night drive. Driving analog bass, gated snare, wide pads, arpeggios, a gliding lead."""

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
    "kick": Stroke(drums.kick(tune_hz=52, sweep=2.8, length_s=0.38, click=0.4, drive=1.8), 0.0),
    "snare": Stroke(drums.snare(tune_hz=190, ring_s=0.2, wires_s=0.3, wires=0.9), -2.5, room=0.75, takes=2),
    "clap": Stroke(drums.clap(tail_s=0.25), -9.0, room=0.4),
    "hat": Stroke(drums.hat(length_s=0.05, metal=0.55), -12.0, pan=0.2, takes=4),
    "open_hat": Stroke(drums.hat(length_s=0.28, metal=0.5), -12.5, pan=0.2, takes=2),
    "tom_high": Stroke(drums.tom(tune_hz=165, pan=0.35), -5.0, room=0.6),
    "tom_mid": Stroke(drums.tom(tune_hz=124), -4.5, room=0.6),
    "tom_low": Stroke(drums.tom(tune_hz=88, pan=-0.35), -4.0, room=0.6),
    "crash": Stroke(drums.cymbal(length_s=2.8), -11.0, pan=-0.25, hall=0.2),
    "impact": Stroke(drums.sub_drop(), -9.0, hall=0.25),
    "roll": Stroke(drums.snare(tune_hz=190, wires_s=0.16), -6.0, room=0.5, takes=2),
}
_GROOVES = {
    "light": (
        {"kick": "x.......x.......", "hat": "x...x...x...x..."},
        {"kick": "x.......x.x.....", "hat": "..x...x...x...x."},
    ),
    "main": (
        {"kick": "x.......x.......", "snare": "....x.......x...", "hat": "x.o.x.o.x.o.x.o."},
        {"kick": "x.......x.x.....", "snare": "....x.......x...", "hat": "xgogxgogxgogxgog"},
        {"kick": "x.....x.x.......", "snare": "....x.......x...", "hat": "x.x.x.x.x.x.x.x."},
    ),
    "full": (
        {
            "kick": "x...x...x...x...",
            "snare": "....X.......X...",
            "clap": "....x.......x...",
            "hat": "x.o.x.o.x.o.x.o.",
            "open_hat": "..x...x...x...x.",
        },
        {
            "kick": "x...x...x...x.x.",
            "snare": "....X.......X...",
            "clap": "....x.......x...",
            "hat": "xgogxgogxgogxgog",
            "open_hat": "..............x.",
        },
    ),
}
_FILLS = (
    {
        "snare": "....x.......x.xx",
        "tom_high": "........xx......",
        "tom_mid": "..........xx....",
        "tom_low": "............x.x.",
    },
    {
        "snare": "....x...x.x.....",
        "tom_high": "...........x....",
        "tom_mid": "............x.x.",
        "tom_low": "..............xX",
    },
    {"snare": "....x.....x.xxxX", "kick": "x.......x......."},
)

GENRE = Genre(
    name="synthwave",
    tempo_bpm=(84, 118),
    bars={"intro": 4, "verse": 8, "pre_chorus": 4, "chorus": 8, "bridge": 4, "instrumental": 8, "outro": 4},
    progressions={
        "minor": {
            "verse": ("1 1 6 7", "1 6 3 7", "1 4 6 5", "1 7 6 7", "1 3 7 4"),
            "pre_chorus": ("4 6 7 7", "6 7 4 7", "4 4 6 7"),
            "chorus": ("6 7 1 3", "1 6 3 7", "6 3 7 1", "4 6 1 7"),
            "bridge": ("4 1 6 7", "6 6 4 7"),
        },
        "major": {
            "verse": ("1 1 6 4", "1 5 6 4", "1 3 6 4"),
            "pre_chorus": ("2 4 5 5", "4 4 5 5"),
            "chorus": ("4 5 6 1", "1 5 6 4", "4 1 5 6"),
            "bridge": ("6 4 1 5", "2 6 4 5"),
        },
    },
    colours={"": "", "verse": "add9", "bridge": "sus2", "end": "add9"},
    layers={
        "pad": Layer(
            voices=("analog_pad", "strings", "choir"),
            figures={"": (Figure("", gate=0.98),)},
            play={
                "intro": 0.75,
                "verse": 0.6,
                "pre_chorus": 0.7,
                "chorus": 0.8,
                "bridge": 0.85,
                "instrumental": 0.75,
                "outro": 0.8,
            },
            channel=Channel(-21.0, width=1.2, hall=0.35, duck=0.45),
            low=52,
            high=76,
        ),
        "arpeggio": Layer(
            voices=("saw_pluck", "square_pluck"),
            figures={
                "": (Figure("x.o.x.o.x.o.x.o.", "up", 0.7), Figure("x.o.x.o.x.o.x.o.", "updown", 0.7)),
                "chorus": (Figure("xogoxogoxogoxogo", "updown", 0.8), Figure("xogoxogoxogoxogo", "up", 0.8)),
            },
            play={
                "intro": 0.7,
                "verse2": 0.6,
                "pre_chorus": 0.7,
                "chorus": 0.75,
                "bridge": 0.6,
                "instrumental": 0.8,
                "outro": 0.5,
            },
            channel=Channel(-22.5, pan=-0.3, room=0.1, hall=0.15, echo=0.35, duck=0.25),
            low=57,
            high=81,
        ),
        "stabs": Layer(
            voices=("supersaw", "stab"),
            figures={"": (Figure("x-----x---x-----", gate=0.85), Figure("x-.x-.x---x-.x-.", gate=0.8))},
            play={"chorus": 0.8, "instrumental": 0.7},
            channel=Channel(-21.5, width=1.25, room=0.1, hall=0.2, duck=0.55),
            low=54,
            high=79,
        ),
    },
    bass=BassStyle(
        voices=("analog_bass", "square_bass"),
        patterns={
            "": ("R-R-R-R-R-R-R-R-", "R-R-R-R-R-R-R-O-", "R.RRR.RRR.RRR.RR"),
            "chorus": ("RROORROORROORROO", "R-O-R-O-R-O-R-OA", "RRORRRORRRORRROA"),
            "bridge": ("R---------------",),
            "intro": ("R-R-R-R-R-R-R-R-", "R-------R-------"),
        },
        play={
            "intro": 0.6,
            "verse": 0.8,
            "pre_chorus": 0.85,
            "chorus": 0.95,
            "bridge": 0.7,
            "instrumental": 0.9,
            "outro": 0.7,
        },
        channel=Channel(-15.5, width=0.2, duck=0.4),
        low=33,
        gate=0.85,
        span={"intro": (0.5, 1.0)},
    ),
    lead=LeadStyle(
        voices=("saw_lead", "voice"),
        answers=("square_lead", "saw_lead", "bell"),
        verse_cells=("x.xxx.x.x.xx....", ".xx.x.xx.xx.x...", "x.x.xxx.x.x.x..."),
        chorus_cells=("x..x..x.x.x.x...", "x...x.x.x..x....", "x..x..xxx..x...."),
        low=60,
        high=72,
        channel=Channel(-17.0, hall=0.22, echo=0.22, room=0.08),
        answer_channel=Channel(-22.0, pan=0.25, hall=0.25, echo=0.3),
        play={"intro": 0.0, "verse2": 0.6, "chorus": 0.65, "instrumental": 0.85, "bridge": 0.6, "outro": 0.0},
        lively=0.5,
    ),
    drums=DrumStyle(
        kit=_KIT,
        grooves=_GROOVES,
        fills=_FILLS,
        intensity={
            "verse": "main",
            "verse1": "main",
            "pre_chorus": "main",
            "chorus": "full",
            "instrumental": "full",
            "bridge": "light",
            "outro": "light",
        },
        channel=Channel(-11.5),
    ),
    sound=Sound(
        room=Room(1.6, pre_delay_s=0.008, damping=0.3, low_cut_hz=180, gate_s=0.24),
        hall=Room(2.6, pre_delay_s=0.03, damping=0.5),
        echo_beats=0.75,
        duck_s=0.24,
        glue_db=3.0,
        ring_s=2.6,
        opens=("intro", "pre_chorus"),
    ),
    turnaround={"minor": "7", "major": "5"},
    loose_ms=3.0,
)
