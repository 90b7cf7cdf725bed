"""How alike two fingerprints are, and which of very many are like one.

A search goes by parts of words that occur in both recordings at one distance (after Haitsma and Kalker,
2002): half of a word is enough to look it up, so that one damaged bit in five does no harm, and the distance
on which most of these agree tells where to compare the words exactly.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

MAGIC = b"afp1"
BITS = 32
LEAST_FRAMES = 64
"""Shorter overlaps say nothing: about 6 s."""
SAME_RECORDING = 0.55
"""From this likeness on two takes are one recording; docs/review.md has the measurements."""

Words = NDArray[np.uint32]
"""A fingerprint's frames, 32 bits each."""

_KEYS = 1 << 16
# The middle bits: lossy encoders damage them least.
_KEY_SHIFT = 8
# A copy's frames are tried all, so that half of the known ones will do.
_KEPT_EVERY = 2
# How long a part of an index grows; adding to it copies it.
_SEALED_FRAMES = 1 << 20
# What a search does at most: words that it finds in each part, and places that it compares.
_LOOKED_UP = 200_000
_COMPARED = 96


def words(fingerprint: bytes) -> Words:
    """A fingerprint's frames. Raises `ValueError` for what is no fingerprint of this version."""
    body = len(fingerprint) - len(MAGIC)
    if fingerprint[: len(MAGIC)] != MAGIC or body % (BITS // 8):
        raise ValueError("not a fingerprint of this version")
    return np.frombuffer(fingerprint, dtype=">u4", offset=len(MAGIC)).astype(np.uint32)


def least_overlap(one: int, other: int) -> int:
    """How many frames two recordings of these lengths must share: half of the shorter one takes part.

    With less, chance would have too many tries.
    """
    return max(LEAST_FRAMES, min(one, other) // 2)


def likeness_at(one: Words, other: Words, offset: int) -> float:
    """1 where all bits agree, 0 where half of them do, with `other` beginning `offset` frames into `one`.

    0 too where they share too little.
    """
    first, last = max(0, offset), min(len(one), len(other) + offset)
    if last - first < least_overlap(len(one), len(other)):
        return 0.0
    apart = np.bitwise_count(one[first:last] ^ other[first - offset : last - offset])
    return max(0.0, 1.0 - 2.0 * float(apart.sum(dtype=np.int64)) / ((last - first) * BITS))


@dataclass(frozen=True, slots=True)
class Match:
    """The likest of many."""

    place: int
    """Its place in the order of adding."""
    likeness: float
    """0 to 1, as `likeness_at`."""


class Index:
    """Fingerprints to search, by their places in the order of adding. Adding gives a new index.

    It takes 6 bytes a frame: 120 MB for 10,000 songs of 3 minutes.
    """

    def __init__(self, shelves: tuple["_Shelf", ...] = ()) -> None:
        self._shelves = shelves

    def __len__(self) -> int:
        return sum(len(shelf) for shelf in self._shelves)

    @property
    def size_bytes(self) -> int:
        """The memory that it takes."""
        return sum(shelf.size_bytes for shelf in self._shelves)

    def with_added(self, added: Sequence[Words]) -> "Index":
        """An index that holds these too."""
        shelves, waiting = list(self._shelves), list(added)
        while waiting:
            if not shelves or len(shelves[-1].frames) >= _SEALED_FRAMES:
                shelves.append(_Shelf(sum(map(len, shelves)), [], np.zeros(0, np.uint32)))
            last = shelves.pop()
            ends = len(last.frames) + np.cumsum([len(one) for one in waiting])
            count = 1 + int(np.searchsorted(ends[:-1], _SEALED_FRAMES))
            lengths = [*last.lengths, *(len(one) for one in waiting[:count])]
            shelves.append(_Shelf(last.first, lengths, np.concatenate([last.frames, *waiting[:count]])))
            del waiting[:count]
        return Index(tuple(shelves))

    def likest(self, query: Words, *, but: Collection[int] = ()) -> Match | None:
        """The likest one that is not at the places `but`; None where none has anything in common."""
        tries = [found for shelf in self._shelves for found in shelf.candidates(query, frozenset(but))]
        tries.sort(reverse=True)
        best: Match | None = None
        for _, place, offset in tries[:_COMPARED]:
            one = self._at(place)
            for near in (offset - 1, offset, offset + 1):
                likeness = likeness_at(one, query, near)
                if likeness > (best.likeness if best else 0.0):
                    best = Match(place, likeness)
        return best

    def _at(self, place: int) -> Words:
        for shelf in self._shelves:
            if place < shelf.first + len(shelf):
                return shelf.words(place - shelf.first)
        raise IndexError(place)


class _Shelf:
    """Some neighbours of an index, searched together."""

    def __init__(self, first: int, lengths: list[int], frames: Words) -> None:
        self.first = first
        self.lengths = lengths
        self.frames = frames

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def size_bytes(self) -> int:
        positions, bounds = self._lookup
        return self.frames.nbytes + positions.nbytes + bounds.nbytes

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        return np.cumsum([0, *self.lengths])

    @cached_property
    def _lookup(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Frames by key, and where each key's begin."""
        positions = np.arange(0, len(self.frames), _KEPT_EVERY, dtype=np.uint32)
        keys = _keys(self.frames[positions])
        counts = np.bincount(keys, minlength=_KEYS)
        bounds = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)
        return positions[np.argsort(keys, kind="stable")], bounds

    def words(self, place: int) -> Words:
        return self.frames[self._starts[place] : self._starts[place + 1]]

    def candidates(self, query: Words, but: frozenset[int]) -> list[tuple[int, int, int]]:
        """Agreeing keys, place and offset in frames, of the places that are worth a comparison."""
        positions, bounds = self._lookup
        keys = _keys(query)
        first = bounds[keys].astype(np.int64)
        count = bounds[keys.astype(np.int64) + 1] - first
        # What occurs everywhere tells nothing: the rarest keys first, so far as time allows.
        rarest = np.argsort(count, kind="stable")
        chosen = rarest[: int(np.searchsorted(np.cumsum(count[rarest]), _LOOKED_UP, side="right"))]
        first, count = first[chosen], count[chosen]
        total = int(count.sum())
        if total == 0:
            return []
        found = np.arange(total) + np.repeat(first - (np.cumsum(count) - count), count)
        at = positions[found].astype(np.int64)
        owner = np.searchsorted(self._starts, at, side="right") - 1
        # A diagonal for each owner and offset: owners are kept apart by the query's length.
        diagonal = at - np.repeat(chosen, count) + (owner + 1) * len(query)
        if but:
            outside = np.array(sorted(place - self.first for place in but), dtype=np.int64)
            diagonal = diagonal[~np.isin(owner, outside)]
        lines, votes = np.unique(diagonal, return_counts=True)
        # An offset of half a frame votes for both of its neighbours.
        pairs = votes.copy()
        pairs[:-1] += np.where(np.diff(lines) == 1, votes[1:], 0)
        best = np.argsort(pairs, kind="stable")[::-1][:_COMPARED]
        edges = self._starts[:-1] + (np.arange(len(self)) + 1) * len(query) - len(query)
        owners = np.searchsorted(edges, lines[best], side="right") - 1
        offsets = lines[best] - (owners + 1) * len(query) - self._starts[owners]
        return [
            (int(vote), self.first + int(owner), int(offset))
            for vote, owner, offset in zip(pairs[best], owners, offsets, strict=True)
        ]


def _keys(frames: Words) -> NDArray[np.uint16]:
    """The part of each word that is looked up."""
    return ((frames >> np.uint32(_KEY_SHIFT)) & np.uint32(_KEYS - 1)).astype(np.uint16)
