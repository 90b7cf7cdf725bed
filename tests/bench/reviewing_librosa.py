"""The review's facts by plain calls of librosa and pyloudnorm: `python reviewing_librosa.py FILE ROUNDS`.

Run by an interpreter that has them, so this imports nothing of the platform. Prints a line of JSON for each
round: what was found, and the seconds of a processor that each step took.
"""

import json
import sys
import time

import librosa
import numpy as np
import pyloudnorm
import scipy.signal

# Krumhansl and Kessler (1982), C major and C minor.
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")


def measured(path: str) -> dict[str, object]:
    marks = [time.process_time()]

    def mark() -> float:
        marks.append(time.process_time())
        return marks[-1] - marks[-2]

    seconds = {}
    samples, rate = librosa.load(path, sr=None, mono=False)
    mono = librosa.to_mono(samples)
    seconds["load"] = mark()
    envelope = librosa.onset.onset_strength(y=mono, sr=rate)
    tempo, _ = librosa.beat.beat_track(onset_envelope=envelope, sr=rate)
    seconds["beat_track"] = mark()
    chroma = librosa.feature.chroma_cqt(y=mono, sr=rate).mean(axis=1)
    _, key = max(
        (np.corrcoef(np.roll(profile, tonic), chroma)[0, 1], f"{_NAMES[tonic]} {mode}")
        for mode, profile in (("major", _MAJOR), ("minor", _MINOR))
        for tonic in range(12)
    )
    seconds["chroma_cqt"] = mark()
    lufs = pyloudnorm.Meter(rate).integrated_loudness(samples.T)
    seconds["pyloudnorm"] = mark()
    peak = 20 * np.log10(np.abs(scipy.signal.resample_poly(samples, 4, 1, axis=1)).max())
    seconds["true peak"] = mark()
    sounding = librosa.effects.split(mono, top_db=60)
    bandwidth = librosa.feature.spectral_rolloff(y=mono, sr=rate, roll_percent=0.999).max()
    flatness = librosa.feature.spectral_flatness(y=mono).mean()
    seconds["silence, spectrum"] = mark()
    return {
        "seconds": seconds,
        "tempo_bpm": float(np.ravel(tempo)[0]),
        "key": key,
        "loudness_lufs": float(lufs),
        "true_peak_dbtp": float(peak),
        "others": [len(sounding), float(bandwidth), float(flatness)],
    }


if __name__ == "__main__":
    for _ in range(int(sys.argv[2])):
        print(json.dumps(measured(sys.argv[1])), flush=True)
