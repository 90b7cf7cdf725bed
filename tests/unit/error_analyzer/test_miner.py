"""Lines that differ in a free word are one family; those that differ in a few words are not."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.error_analyzer.grouping.digest import line_fingerprint
from services.error_analyzer.grouping.masks import template
from services.error_analyzer.grouping.miner import FREE_WORDS, TemplateMiner

NAMES = [f"{first}{second}{last}" for first in "bdfkm" for second in ("an", "el", "io") for last in "dpt"]
LOGIN = "login of {} failed"
FAMILY = line_fingerprint("login of <*> failed")


def placed(miner: TemplateMiner, lines: list[str]) -> dict[str, str]:
    """The group of each line as a store has it in the end, which is told of all that is absorbed."""
    first, part_of = {}, {}
    for line in lines:
        found = miner.place(line)
        first[line] = found.fingerprint
        part_of.update(dict.fromkeys(found.absorbs, found.fingerprint))
        miner.stored(found.fingerprint, found.absorbs)
    for line, fingerprint in first.items():
        while fingerprint in part_of:
            fingerprint = part_of[fingerprint]
        first[line] = fingerprint
    return first


def test_with_enough_different_words_lines_become_a_family_that_absorbs_what_they_were():
    miner = TemplateMiner()
    before = [miner.place(LOGIN.format(name)) for name in NAMES[: FREE_WORDS - 1]]
    assert [found.template for found in before] == [LOGIN.format(name) for name in NAMES[: FREE_WORDS - 1]]
    found = miner.place(LOGIN.format(NAMES[FREE_WORDS]))
    assert (found.fingerprint, found.template) == (FAMILY, "login of <*> failed")
    assert {one.fingerprint for one in before} <= set(found.absorbs)
    assert miner.place(LOGIN.format("somebody")).fingerprint == FAMILY


def test_few_words_are_few_errors_however_often_they_come():
    miner = TemplateMiner()
    lines = [f"stage {name} failed again" for name in NAMES[: FREE_WORDS - 1]] * 50
    assert len(set(placed(miner, lines).values())) == FREE_WORDS - 1


@pytest.mark.parametrize(
    "shape",
    [
        "{} failed",
        "{}: it failed again",
        "login of {}=<value> failed",
        "<time> <number> {} failed",
        "{} <id> <id> <id>",
    ],
    ids=["one word in common", "who speaks", "a key", "masks in common", "nothing in common"],
)
def test_what_has_too_little_in_common_never_becomes_a_family(shape: str):
    miner = TemplateMiner()
    assert len(set(placed(miner, [shape.format(name) for name in NAMES]).values())) == len(NAMES)


@pytest.mark.parametrize(
    "shape", ["it ended with exit code {}", "it failed: E1{:03} again", "got HTTP {} back"]
)
def test_codes_are_no_free_words_however_many_there_are(shape: str):
    lines = [template(shape.format(code)) for code in range(100, 100 + 2 * FREE_WORDS)]
    assert len(set(placed(TemplateMiner(), lines).values())) == 2 * FREE_WORDS


def test_what_encloses_a_free_word_is_no_part_of_it():
    found = placed(TemplateMiner(), [f"login of ({name}), again" for name in NAMES])
    assert set(found.values()) == {line_fingerprint("login of (<*>), again")}


def test_lines_of_other_lengths_and_other_words_keep_their_groups():
    miner = TemplateMiner()
    placed(miner, [LOGIN.format(name) for name in NAMES])
    for line in ("login of alice failed again", "logout of alice failed", "login of alice stalled"):
        assert miner.place(line).fingerprint == line_fingerprint(line)


def test_families_that_differ_in_one_place_are_one_family():
    lines = [f"song {song} of {name} is not to be found" for song in NAMES[:25] for name in NAMES[:25]]
    found = placed(TemplateMiner(), random.Random(1).sample(lines, len(lines)))
    assert set(found.values()) == {line_fingerprint("song <*> of <*> is not to be found")}


@given(st.randoms(use_true_random=False))
@settings(max_examples=15)
def test_the_order_of_lines_changes_nothing_in_the_end(rng: random.Random):
    shapes = ("login of {} failed", "{} has no song left", "cannot pay {}, it is late", "few {} are here")
    lines = [shape.format(name) for shape in shapes[:3] for name in NAMES[:30]]
    lines += [shapes[3].format(name) for name in NAMES[:19]]
    expected = placed(TemplateMiner(), lines)
    assert len(set(expected.values())) == 3 + 19
    rng.shuffle(lines)
    assert placed(TemplateMiner(), lines) == expected


@pytest.mark.parametrize("seen", [7, 19, 20, 30])
def test_after_a_restart_the_same_families_are_found(seen: int):
    lines = [LOGIN.format(name) for name in NAMES]
    before = TemplateMiner()
    stored = {found: line for line, found in placed(before, lines[:seen]).items()}
    if FAMILY in stored:
        stored = {FAMILY: "login of <*> failed"}
    after = TemplateMiner()
    after.known(stored.items())
    found = placed(after, lines[seen:])
    assert set(found.values()) == {FAMILY}
    assert after.place(lines[0]).fingerprint == FAMILY


def test_what_is_absorbed_is_named_until_the_store_has_heard_of_it():
    miner = TemplateMiner()
    for name in NAMES[:FREE_WORDS]:
        found = miner.place(LOGIN.format(name))
    again = miner.place(LOGIN.format("x"))
    assert found.absorbs == again.absorbs != ()
    miner.stored(found.fingerprint, found.absorbs)
    assert miner.place(LOGIN.format("x")).absorbs == ()


def test_a_group_that_another_process_made_of_a_familys_line_is_absorbed():
    miner = TemplateMiner()
    placed(miner, [LOGIN.format(name) for name in NAMES])
    miner.known([(line_fingerprint("login of zoe failed"), "login of zoe failed")])
    assert miner.place(LOGIN.format("x")).absorbs == (line_fingerprint("login of zoe failed"),)


def test_templates_under_a_fingerprint_that_is_not_theirs_are_not_believed():
    miner = TemplateMiner()
    miner.known([("0" * 32, "login of <*> failed")])
    assert miner.place(LOGIN.format("x")).template == LOGIN.format("x")


def test_a_line_that_holds_the_mark_of_a_free_word_is_no_family():
    miner = TemplateMiner()
    miner.place(template("login of <*> failed"))
    assert miner.place(LOGIN.format("x")).template == LOGIN.format("x")


def test_the_memory_is_bounded_however_many_lines_there_are():
    miner = TemplateMiner(lines=100, places=300)
    rng = random.Random(5)
    for _ in range(5_000):
        miner.place(
            " ".join(
                str(rng.random()).translate(str.maketrans("0123456789.", "abcdefghijk")) for _ in range(5)
            )
        )
    assert len(miner._placed) <= 100
    assert len(miner._singles) <= 100
    assert len(miner._seen) <= 300
