"""Which groups turned out to be one, and where their occurrences go."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from services.artist_db.domain.errors import GroupChange, by_group


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch adds once its merges are made, a change for each group that is left, by fingerprint."""

    changes: Sequence[GroupChange]
    merges: Mapping[str, Sequence[str]]
    """A group that stays -> fingerprints that become its aliases; both sorted."""
    targets: Mapping[str, str]
    """Every fingerprint of the batch -> its group, where that is another one."""


@dataclass(frozen=True, slots=True)
class Party:
    """A group that is merged, by what decides which of their reports speak for all of them."""

    fingerprint: str
    status: str
    newest_report: int
    """Its number; 0: it has no report of its own."""
    stays: bool
    """True: the others are merged into this one."""
    settled: bool = False
    """True: there is no reason to look at it again by itself."""


def mentioned(changes: Iterable[GroupChange]) -> list[str]:
    """Every fingerprint that a batch names, sorted."""
    return sorted({name for change in changes for name in (change.fingerprint, *change.absorbs)})


def planned(changes: Sequence[GroupChange], aliases: Mapping[str, str]) -> Plan:
    """What becomes of a batch, given the groups that fingerprints of merged ones stand for.

    Where a batch says of two groups that each is a part of the other one, the first word counts.
    """
    into = dict(aliases)

    def group_of(fingerprint: str) -> str:
        while fingerprint in into:
            fingerprint = into[fingerprint]
        return fingerprint

    gone = []
    for change in changes:
        target = group_of(change.fingerprint)
        for absorbed in change.absorbs:
            part = group_of(absorbed)
            if part != target:
                into[part] = target
                gone.append(part)
    merges: dict[str, list[str]] = {}
    for part in sorted(gone):
        merges.setdefault(group_of(part), []).append(part)
    targets = {name: group_of(name) for name in mentioned(changes) if name in into}
    return Plan(_redirected(changes, targets), dict(sorted(merges.items())), targets)


def speaker(parties: Sequence[Party]) -> Party:
    """The group whose reports give the merged one its status.

    One whose fix is applied, for somebody must watch it; else the one that stays, if it has reports; else
    one that is not new, and of these the one that was reported on last.
    """

    def rank(party: Party) -> tuple[bool, bool, bool, int, str]:
        known = party.newest_report > 0
        return (
            known and party.status == "fix_applied",
            known and party.stays,
            known and party.status != "new",
            party.newest_report,
            party.fingerprint,
        )

    return max(parties, key=rank)


def _redirected(changes: Sequence[GroupChange], targets: Mapping[str, str]) -> list[GroupChange]:
    own = [change for change in changes if change.fingerprint not in targets]
    # Only a group's own fingerprint gives it a template: that of a part is narrower.
    others = [
        replace(change, fingerprint=targets[change.fingerprint], template="")
        for change in changes
        if change.fingerprint in targets
    ]
    return by_group([*own, *others])
