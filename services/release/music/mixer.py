"""The mix: plays a score on synthesised voices and brings it together in stereo."""

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from services.release.music.genre import Channel, Genre
from services.release.music.performance import Players, phrases
from services.release.music.provider import SAMPLE_RATE, ProgressFn
from services.release.music.score import Hit, Note, Score
from services.release.music.seeds import noise_source
from services.release.music.soundfont.sampled import SoundFont
from services.release.music.synth import drums
from services.release.music.synth.effects import compress, ducking, echoes, opened, reverberate, tape
from services.release.music.synth.envelopes import Signal, fade_out, seconds
from services.release.music.synth.patches import line_voice, polyphonic_voice

_RISER_DB = -15.0
_FALL_DB = -20.0
_LEADS = ("lead", "second", "answer")
_PLAYERS = 2
"""Parts that are played at once; NumPy lets go of the interpreter for most of it."""
_FADE_DB = -20.0
_CUT = 1 << 15
_GRAIN = 64
_KNOWN_NOTES = 400
_KICKS = ("kick", "heartbeat")


@dataclass(slots=True)
class Desk:
    """Where the parts meet: the dry mix and the sends, each (2, n)."""

    total: int
    music: Signal = field(init=False)
    drums: Signal = field(init=False)
    room: Signal = field(init=False)
    hall: Signal = field(init=False)
    echo: Signal = field(init=False)

    def __post_init__(self) -> None:
        self.music, self.drums, self.room, self.hall, self.echo = (
            np.zeros((2, self.total), dtype=np.float32) for _ in range(5)
        )

    def add(self, part: Signal, channel: Channel, duck: Signal) -> None:
        """Sets a part's level, width, place and sends; uses the part up."""
        gain = np.float32(10.0 ** ((channel.level_db - loudness(part)) / 20.0))
        sides = np.array([[min(1.0, 1.0 - channel.pan)], [min(1.0, 1.0 + channel.pan)]], dtype=np.float32)
        sends = [
            (bus, np.float32(send))
            for bus, send in ((self.room, channel.room), (self.hall, channel.hall), (self.echo, channel.echo))
            if send
        ]
        # Cut so short that a cut stays in the processor's cache from one step to the next.
        for first in range(0, self.total, _CUT):
            cut = slice(first, first + _CUT)
            sound = part[:, cut]
            sound *= gain
            if channel.width != 1.0:
                middle = (sound[0] + sound[1]) * np.float32(0.5 * (1.0 - channel.width))
                sound *= np.float32(channel.width)
                sound += middle
            if channel.duck:
                sound *= 1.0 - np.float32(channel.duck) * (1.0 - duck[cut])
            sound *= sides
            self.music[:, cut] += sound
            for bus, send in sends:
                bus[:, cut] += sound * send

    def open(self, stretches: Sequence[tuple[int, int]], from_hz: float) -> None:
        """Lets a filter open over each stretch of all that was added so far, but for the drums."""
        for start, stop in stretches:
            for bus in (self.music, self.hall, self.echo):
                if bus[:, start:stop].any():
                    opened(bus, start, stop, from_hz=from_hz)


def mix(
    score: Score,
    genre: Genre,
    voices: Mapping[str, str],
    *,
    seed: int,
    progress: ProgressFn,
    font: SoundFont | None = None,
) -> Signal:
    """The song in stereo, (2, n), peak below 1, ending in silence; `voices` names the voice of each part.

    Voices that `font` has are played from it.
    """
    players = Players(genre, score.tempo_bpm)
    total = players.sample(score.beats) + seconds(genre.sound.ring_s)
    desk = Desk(total)
    parts = [(name, notes) for name, notes in score.parts.items() if notes]
    steps = len(parts) + 3
    progress("drums", 0, steps)
    kicks = _drums(desk, score.hits, genre, players, seed)
    duck = ducking(total, kicks, depth=1.0, recovery_s=genre.sound.duck_s)
    stretches = [(players.sample(start), players.sample(end)) for start, end in score.opens]
    with ThreadPoolExecutor(_PLAYERS) as pool:
        waiting = deque(parts)
        playing: deque[Future[Signal]] = deque()
        # Added up in the score's order, whoever is done first: sums of floats depend on it.
        for index, (name, _) in enumerate(parts):
            # Not more at once than are played: a part of four minutes takes 85 MB.
            while waiting and len(playing) < _PLAYERS:
                part_name, notes = waiting.popleft()
                playing.append(
                    pool.submit(_play, part_name, notes, voices[part_name], players, total, seed, font)
                )
            progress(name, index + 1, steps)
            part = playing.popleft().result()
            if name in _LEADS and stretches:
                desk.open(stretches, genre.sound.opens_from_hz)
                stretches = []
            desk.add(part, channel_of(genre, name), duck)
    desk.open(stretches, genre.sound.opens_from_hz)
    progress("mixing", steps - 2, steps)
    return _sum(desk, genre, score, players, seed)


def channel_of(genre: Genre, part: str) -> Channel:
    """A part's place in the mix."""
    if part == "bass":
        return genre.bass.channel
    if part == "lead":
        return genre.lead.channel
    if part == "answer":
        return genre.lead.answer_channel
    if part == "second":
        lead = genre.lead.channel
        return Channel(
            lead.level_db - 6.0, -lead.pan, 1.4, lead.room, min(1.0, lead.hall * 1.3), lead.echo, lead.duck
        )
    return genre.layers[part].channel


def loudness(part: Signal) -> float:
    """The level of a part where it plays, in dB: the mean power of its louder moments, of 0.2 s each."""
    block = SAMPLE_RATE // 5
    count = -(-part.shape[-1] // block)
    # A fourth of the samples is enough to set a fader by.
    power = np.zeros(count * (block // 4), dtype=np.float32)
    heard = part[0, ::4] ** 2 + part[1, ::4] ** 2
    power[: len(heard)] = heard[: len(power)]
    blocks = power.reshape(count, -1).mean(axis=1)
    loud = blocks[blocks > blocks.max() * 0.1]
    return float(10.0 * np.log10(loud.mean() / 2.0 + 1e-12)) if len(loud) else -120.0


def _play(
    name: str,
    notes: tuple[Note, ...],
    voice: str,
    players: Players,
    total: int,
    seed: int,
    font: SoundFont | None,
) -> Signal:
    rng = noise_source(seed, "part", name)
    out = np.zeros((2, total), dtype=np.float32)
    played = players.play(name, notes, rng)
    sampled = font.voice(voice) if font else None
    instrument = line_voice(voice) if sampled is None else None
    if instrument is not None:
        for phrase in phrases(played):
            _put(out, instrument.phrase(phrase, rng), phrase[0].start)
        return out
    keyboard = sampled if sampled is not None else polyphonic_voice(voice)
    known: dict[tuple[int, int, int, float, int], Signal] = {}
    for count, note in enumerate(played):
        # Repeats are frequent, and nobody hears a 16th of the velocity or a millisecond of the length.
        held = -(-note.held // _GRAIN) * _GRAIN
        force = max(1, round(note.velocity * 16))
        name_of = (note.pitch, held, force, note.tone, count % 3)
        sound = known.get(name_of)
        if sound is None:
            sound = keyboard.note(note.pitch, held, force / 16, note.tone, count % 3)
            # Long notes are few and large: they are made anew.
            if held < SAMPLE_RATE and len(known) < _KNOWN_NOTES:
                known[name_of] = sound
        _put(out, sound, note.start)
    return out


def _put(out: Signal, sound: Signal, start: int) -> None:
    stop = min(out.shape[-1], start + sound.shape[-1])
    if stop > start:
        out[:, start:stop] += sound[:, : stop - start]


def _drums(
    desk: Desk, hits: tuple[Hit, ...], genre: Genre, players: Players, seed: int
) -> list[tuple[int, float]]:
    """Plays the kit into the empty desk; returns the kicks as (sample, velocity)."""
    kit = genre.drums.kit
    rng = noise_source(seed, "drummer")
    takes: dict[tuple[str, int, int], Signal] = {}
    kicks: list[tuple[int, float]] = []
    for hit in hits:
        start, velocity = players.strike(hit, rng)
        length_s = (players.sample(hit.start + hit.length) - players.sample(hit.start)) / SAMPLE_RATE
        if hit.drum == "riser":
            sound = drums.riser(noise_source(seed, "riser", start), length_s)
            _put(desk.drums, sound * np.float32(velocity * 10.0 ** (_RISER_DB / 20.0)), start)
            continue
        if hit.drum == "fall":
            # A riser backwards.
            sound = drums.riser(noise_source(seed, "fall", start), length_s)[:, ::-1]
            _put(desk.drums, sound * np.float32(velocity * 10.0 ** (_FALL_DB / 20.0)), start)
            continue
        if hit.drum == "reverse":
            stroke = kit[genre.drums.crash]
            struck = stroke.sound(noise_source(seed, "kit", genre.drums.crash, 0), 1.0)
            sound = fade_out(struck[:, : seconds(length_s)].copy(), seconds(length_s) // 2)[:, ::-1]
            _put(desk.drums, sound * np.float32(0.6 * velocity * 10.0 ** (stroke.level_db / 20.0)), start)
            continue
        stroke = kit[hit.drum]
        if hit.drum in _KICKS:
            kicks.append((start, velocity))
        take = int(rng.integers(stroke.takes))
        hardness = max(1, round(velocity * 4))
        if (hit.drum, take, hardness) not in takes:
            # Chance hangs on the sound and its take alone: the same stroke comes back as the same sound.
            source = noise_source(seed, "kit", hit.drum, take)
            takes[(hit.drum, take, hardness)] = stroke.sound(source, hardness / 4)
        gain = 10.0 ** (stroke.level_db / 20.0) * velocity**1.5
        sides = np.array([[min(1.0, 1.0 - stroke.pan)], [min(1.0, 1.0 + stroke.pan)]], dtype=np.float32)
        sound = takes[(hit.drum, take, hardness)] * (sides * np.float32(gain))
        _put(desk.drums, sound, start)
        for bus, send in ((desk.room, stroke.room), (desk.hall, stroke.hall)):
            if send:
                _put(bus, sound * np.float32(send), start)
    gain = np.float32(10.0 ** ((genre.drums.channel.level_db - loudness(desk.drums)) / 20.0))
    for bus in (desk.drums, desk.room, desk.hall):
        bus *= gain
    return kicks


def _sum(desk: Desk, genre: Genre, score: Score, players: Players, seed: int) -> Signal:
    sound = genre.sound
    desk.music += reverberate(desk.hall, sound.hall)
    if desk.echo.any():
        delay_s = sound.echo_beats * 60.0 / score.tempo_bpm
        desk.music += echoes(desk.echo, delay_s, feedback=sound.echo_feedback)
    desk.drums += reverberate(desk.room, sound.room)
    out = desk.music
    if sound.tape_wow_cents:
        out = tape(
            out,
            wow_cents=sound.tape_wow_cents,
            dull_hz=sound.tape_dull_hz,
            drive=1.5,
            rng=noise_source(seed, "tape"),
        )
    out += desk.drums
    if sound.atmosphere:
        make = {"crackle": drums.crackle, "wash": drums.wash}[sound.atmosphere]
        layer = make(noise_source(seed, "atmosphere"), desk.total / SAMPLE_RATE)[:, : desk.total]
        out += layer * np.float32(10.0 ** ((sound.atmosphere_db - loudness(layer)) / 20.0))
    out *= np.float32(0.5 / max(float(np.abs(out).max()), 1e-9))
    glue(out, sound.glue_db)
    return _ended(out, genre, score, players)


def glue(signal: Signal, depth_db: float) -> Signal:
    """The bus compressor, set by the signal's own level; works in place and returns the signal."""
    threshold = 10.0 * np.log10(float(np.mean(signal**2)) + 1e-10) - 1.0
    ratio = 1.0 + depth_db / 4.0
    # Without looking ahead it would let all peaks through and press down what lies between them.
    return compress(
        signal, threshold_db=threshold, ratio=ratio, attack_s=0.008, release_s=0.14, ahead_s=0.012
    )


def _ended(out: Signal, genre: Genre, score: Score, players: Players) -> Signal:
    last = score.sections[-1]
    if genre.ending == "fade" and last.bars >= 2:
        # Even in decibels, as one draws a fader down.
        start, stop = players.sample(last.start + last.beats / 2), players.sample(last.end)
        out[:, start:stop] *= np.geomspace(1.0, 10.0 ** (_FADE_DB / 20.0), stop - start, dtype=np.float32)
        out[:, stop:] *= np.float32(10.0 ** (_FADE_DB / 20.0))
    # The ring of the last chord fades by itself; this only makes sure that it ends.
    ring = out.shape[-1] - players.sample(score.beats)
    out[:, -ring:] *= np.linspace(1.0, 0.0, ring, dtype=np.float32) ** 1.5
    return fade_out(out, seconds(0.1))
