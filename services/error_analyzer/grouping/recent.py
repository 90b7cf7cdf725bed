"""A memory that forgets what was not asked for in a long time, and never grows beyond its bound."""

from collections.abc import Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Keeps at least the `most // 2` entries that were used last, and never more than `most`.

    Two generations: when the younger one is full it becomes the older one, whose entries are forgotten.
    """

    def __init__(self, most: int) -> None:
        self._half = max(1, most // 2)
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}

    def __len__(self) -> int:
        return len(self._young) + sum(key not in self._young for key in self._old)

    def __iter__(self) -> Iterator[Key]:
        yield from [*self._young, *(key for key in self._old if key not in self._young)]

    def get(self, key: Key) -> Value | None:
        """None where it is not known, or no more."""
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self.put(key, found)
        return found

    def put(self, key: Key, value: Value) -> None:
        """Keeps it, as the one used last."""
        if len(self._young) >= self._half and key not in self._young:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def forget(self, key: Key) -> None:
        """Nothing happens where it is not known."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def clear(self) -> None:
        """Forgets all."""
        self._young, self._old = {}, {}
