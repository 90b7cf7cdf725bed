"""Streams of chance: each choice has a stream of its own, so that one more choice elsewhere moves nothing."""

import hashlib
import random

import numpy as np


def derive(seed: int, *names: str | int) -> int:
    """A 64-bit number that follows from `seed` and the names of what it is for."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])


def dice(seed: int, *names: str | int) -> random.Random:
    """Chance for composing."""
    return random.Random(derive(seed, *names))


def noise_source(seed: int, *names: str | int) -> np.random.Generator:
    """Chance for sound: whole arrays of it."""
    return np.random.Generator(np.random.PCG64(derive(seed, *names)))
