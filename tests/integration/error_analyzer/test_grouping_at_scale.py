"""A hundred thousand errors of some hundred faults find their groups again, also over a restart."""

from collections import defaultdict
from collections.abc import Iterable

import pytest

from services.error_analyzer.grouping import TemplateMiner, group_events
from tests.support.log_worlds import Made, World

ERRORS, BATCH = 100_000, 500


class Store:
    """What artist_db keeps of groups, as far as templates go."""

    def __init__(self) -> None:
        self.templates: dict[str, str] = {}
        self.part_of: dict[str, str] = {}
        self.groups: dict[str, set[str]] = defaultdict(set)
        """By fault: the fingerprints that its errors got."""

    def take(self, made: list[Made], miner: TemplateMiner) -> None:
        batch = group_events([one.event for one in made], miner)
        for one, fingerprint in zip(made, batch.fingerprints, strict=True):
            self.groups[one.fault].add(fingerprint)
        assert sum(occurrences.count for occurrences in batch.occurrences) == len(made)
        for occurrences in batch.occurrences:
            group = occurrences.group
            if group.template:
                self.templates[group.fingerprint] = group.template
            for part in group.absorbs:
                self.part_of[part] = group.fingerprint
                self.templates.pop(part, None)
            miner.stored(group.fingerprint, group.absorbs)

    def whole(self, fingerprints: Iterable[str]) -> set[str]:
        found = set()
        for fingerprint in fingerprints:
            while fingerprint in self.part_of:
                fingerprint = self.part_of[fingerprint]
            found.add(fingerprint)
        return found


@pytest.mark.timeout(120)
def test_as_many_groups_are_found_as_faults_were_made_each_its_own():
    world = World(seed=20_260_301)
    store, miner = Store(), TemplateMiner()
    batch: list[Made] = []
    for number, made in enumerate(world.errors(ERRORS), start=1):
        batch.append(made)
        if len(batch) == BATCH:
            store.take(batch, miner)
            batch = []
        if number == ERRORS // 3:
            # Restarted, it knows what was stored, and nothing else.
            miner = TemplateMiner()
            miner.known(store.templates.items())
    groups = {fault: store.whole(fingerprints) for fault, fingerprints in store.groups.items()}
    assert len(groups) == len(world.faults) == 380
    assert {fault: found for fault, found in groups.items() if len(found) != 1} == {}
    assert len(set.union(*groups.values())) == len(world.faults)
