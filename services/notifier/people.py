"""The allowlist: who may look, who may decide about songs, who may change things."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Self


class Role(IntEnum):
    """Each may do what the ones below it may."""

    VIEWER = 1
    """Looks."""
    APPROVER = 2
    """Decides about songs."""
    OPERATOR = 3
    """Changes artists, runs and budgets."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on the allowlist."""

    id: int
    """Telegram's user id."""
    role: Role
    name: str
    """As the owner calls them in the settings; empty: not told."""

    @property
    def decided_by(self) -> str:
        """As decisions are signed. The name is the owner's word, never what somebody calls themselves."""
        return f"telegram:{self.name or self.id}"


@dataclass(frozen=True, slots=True)
class People:
    """Everybody on the allowlist, by user id."""

    by_id: Mapping[int, Person]

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `id:role` or `id:role:name` with commas between; ValueError names the entry."""
        found: dict[int, Person] = {}
        for number, entry in enumerate(filter(None, map(str.strip, text.split(","))), start=1):
            user, _, rest = entry.partition(":")
            role, _, name = rest.partition(":")
            roles = {role.name.lower(): role for role in Role}
            if not user.strip().isdecimal() or role.strip().lower() not in roles:
                raise ValueError(
                    f"entry {number} must be id:role or id:role:name, with a user id such as 123456789 "
                    "and the role viewer, approver or operator"
                )
            if int(user) in found:
                raise ValueError(f"user {int(user)} stands there twice")
            name = " ".join(name.split())[:40]
            if name and any(name.casefold() == other.name.casefold() for other in found.values()):
                raise ValueError(f"two people are called {name!r}: decisions are signed with the name")
            found[int(user)] = Person(int(user), roles[role.strip().lower()], name)
        return cls(found)

    def get(self, user_id: int) -> Person | None:
        """None: a stranger."""
        return self.by_id.get(user_id)

    def may(self, role: Role) -> list[Person]:
        """Everybody who has at least that role."""
        return [person for person in self.by_id.values() if person.role >= role]
