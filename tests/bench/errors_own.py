"""Log lines through error_analyzer's grouping: `python -m tests.bench.errors_own FILE (lines|redacted)`.

Prints the same as errors_drain.py, of the same FILE. `redacted`: secrets are taken out of each line first.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable

import psutil

from services.chassis.redaction import redact
from services.error_analyzer.grouping.masks import template
from services.error_analyzer.grouping.miner import TemplateMiner


def main(path: str, how: str) -> None:
    miner = TemplateMiner()
    prepared: Callable[[str], str] = redact if how == "redacted" else str
    groups: dict[str, set[str]] = defaultdict(set)
    part_of: dict[str, str] = {}
    took, lines, before = 0.0, 0, psutil.Process().memory_info().rss
    with open(path, encoding="utf-8") as file:
        for row in file:
            fault, _, text = row.rstrip("\n").partition("\t")
            began = time.process_time()
            placed = miner.place(template(prepared(text)))
            lines += 1
            took += time.process_time() - began
            # What a store is told of here, it would be told with the batch.
            if placed.absorbs:
                part_of.update(dict.fromkeys(placed.absorbs, placed.fingerprint))
                miner.stored(placed.fingerprint, placed.absorbs)
            if fault:
                groups[fault].add(placed.fingerprint)
    grown = psutil.Process().memory_info().rss - before
    faults_of: dict[str, set[str]] = defaultdict(set)
    split = 0
    for fault, found in groups.items():
        whole = {_whole(fingerprint, part_of) for fingerprint in found}
        split += len(whole) > 1
        for fingerprint in whole:
            faults_of[fingerprint].add(fault)
    print(
        json.dumps(
            {
                "seconds": took,
                "lines": lines,
                "grown_bytes": grown,
                "groups": len(faults_of),
                "split": split,
                "mixed": sum(len(faults) > 1 for faults in faults_of.values()),
            }
        )
    )


def _whole(fingerprint: str, part_of: dict[str, str]) -> str:
    while fingerprint in part_of:
        fingerprint = part_of[fingerprint]
    return fingerprint


if __name__ == "__main__":
    main(*sys.argv[1:])
