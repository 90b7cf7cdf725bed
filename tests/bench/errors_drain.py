"""Log lines through Drain3 by plain calls: `python errors_drain.py FILE (masked|plain)`.

Run by an interpreter that has it, so this imports nothing of the platform. Prints a line of JSON: the seconds
of a processor, the lines, the growth of the process's memory over these, the clusters, the faults with lines
in several of them, the clusters with lines of several faults. A line of FILE: the fault's name, a tab,
the log line.
"""

import json
import sys
import time
from collections import defaultdict

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

# The masking that Drain3's own examples/drain3.ini comes with.
_MASKS = (
    (r"((?<=[^A-Za-z0-9])|^)(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))((?=[^A-Za-z0-9])|$)", "ID"),
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "IP"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9a-f]{6,} ?){3,}((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9A-F]{4} ?){4,}((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)", "HEX"),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "NUM"),
    (r"(?<=executed cmd )(\".+?\")", "CMD"),
)


def main(path: str, how: str) -> None:
    config = TemplateMinerConfig()
    if how == "masked":
        config.masking_instructions = [MaskingInstruction(pattern, mask) for pattern, mask in _MASKS]
    miner = TemplateMiner(config=config)
    clusters: dict[str, set[int]] = defaultdict(set)
    took, lines, before = 0.0, 0, _resident()
    with open(path, encoding="utf-8") as file:
        for row in file:
            fault, _, text = row.rstrip("\n").partition("\t")
            began = time.process_time()
            found = miner.add_log_message(text)
            lines += 1
            took += time.process_time() - began
            clusters[fault].add(found["cluster_id"])
    faults_of: dict[int, set[str]] = defaultdict(set)
    for fault, found_in in clusters.items():
        for cluster in found_in:
            faults_of[cluster].add(fault)
    print(
        json.dumps(
            {
                "seconds": took,
                "lines": lines,
                "grown_bytes": _resident() - before,
                "groups": len(miner.drain.clusters),
                "split": sum(len(found_in) > 1 for found_in in clusters.values()),
                "mixed": sum(len(faults) > 1 for faults in faults_of.values()),
            }
        )
    )


def _resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


if __name__ == "__main__":
    main(*sys.argv[1:])
