"""Ids: their shape, and that derived ones are the same in every process."""

import re
import subprocess
import sys

import pytest

from aiartist.scheduler.v1 import scheduler_pb2
from services.chassis.ids import derived_id, digest_of, new_id
from tests.support.processes import clean_environment

SHAPE = re.compile(r"run_[0-9a-hjkmnp-tv-z]{26}")


def test_an_id_is_its_prefix_and_26_characters_of_crockfords_base_32() -> None:
    assert all(SHAPE.fullmatch(new_id("run")) for _ in range(100))
    assert SHAPE.fullmatch(derived_id("run", "anything at all, ü too"))


def test_new_ids_differ() -> None:
    assert len({new_id("run") for _ in range(1_000)}) == 1_000


def test_a_derived_id_depends_on_prefix_and_name() -> None:
    ids = {derived_id("run", "a"), derived_id("run", "b"), derived_id("art", "a"), derived_id("ru", "na")}
    assert len({i.partition("_")[2] for i in ids}) == 4


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_a_derived_id_is_the_same_in_every_process(hash_seed: str) -> None:
    code = "from services.chassis.ids import derived_id; print(derived_id('brf', 'run_1/compose/1'))"
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=clean_environment(PYTHONHASHSEED=hash_seed),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert told.stdout.strip() == derived_id("brf", "run_1/compose/1") == "brf_1rcj1wfq6bkqeqjrfjqrr2szrf"


def test_a_digest_leaves_the_request_id_out_and_nothing_else() -> None:
    one = scheduler_pb2.StartRunRequest(request_id="a", artist_id="art_1", note="n")
    same = scheduler_pb2.StartRunRequest(request_id="b", artist_id="art_1", note="n")
    other = scheduler_pb2.StartRunRequest(request_id="a", artist_id="art_1", note="m")
    unset = scheduler_pb2.StartRunRequest(artist_id="art_1", note="n", autopilot=False)
    assert digest_of(one) == digest_of(same)
    assert len({digest_of(one), digest_of(other), digest_of(unset)}) == 3
    assert re.fullmatch(r"[0-9a-f]{64}", digest_of(one))


def test_a_digest_leaves_the_message_as_it_was() -> None:
    request = scheduler_pb2.StartRunRequest(request_id="a", artist_id="art_1")
    digest_of(request)
    assert request.request_id == "a"


def test_a_message_without_a_request_id_has_a_digest_too() -> None:
    assert digest_of(scheduler_pb2.Run(id="run_1")) != digest_of(scheduler_pb2.Run(id="run_2"))
