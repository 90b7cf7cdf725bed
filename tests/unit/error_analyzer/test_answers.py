"""What models answer, held against what is known."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from services.error_analyzer.diagnosis.answers import UNFOUNDED, WITHOUT_EVIDENCE, analysis_of
from services.error_analyzer.diagnosis.diffs import recounted, unfenced
from services.error_analyzer.diagnosis.engineer import suggestion_of
from services.error_analyzer.diagnosis.facts import Facts, facts_of
from services.error_analyzer.diagnosis.source import SourceReader
from services.error_analyzer.domain import Asked, Evidence, UnusableAnswer
from tests.support.code_repository import WORKER, make_repository
from tests.support.error_groups import error_group

ASKED = Asked(("openai/scripted",), 7)
LINE = {
    "source": "services/scheduler/worker.py",
    "line": 13,
    "text": "job = self.jobs[name]",
    "note": "no default",
}


def answer(**fields: Any) -> dict[str, Any]:
    return {
        "cause": "drive looks up a job that is gone.",
        "component": "services/scheduler",
        "severity": "high",
        "confidence": 0.9,
        "fixable": True,
        "evidence": [LINE],
        **fields,
    }


@pytest.fixture
async def facts(tmp_path: Path) -> Facts:
    return await facts_of(error_group(), SourceReader(make_repository(tmp_path / "code")))


async def test_a_good_answer_is_taken_as_it_is(facts: Facts) -> None:
    analysis = await analysis_of(json.dumps(answer()), facts, ASKED)
    assert (analysis.cause, analysis.component) == (
        "drive looks up a job that is gone.",
        "services/scheduler",
    )
    assert (analysis.severity, analysis.confidence, analysis.fixable) == ("high", 0.9, True)
    assert analysis.evidence == (
        Evidence("services/scheduler/worker.py", 13, "job = self.jobs[name]", "no default"),
    )
    assert analysis.asked == ASKED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I think that it is the network.",
        "[]",
        "null",
        '"x"',
        "{" * 100_000,
        "[" * 100_000,
        '{"confidence": 1' + "0" * 5_000 + "}",
        "x" * 2_000_000,
        json.dumps(answer()).replace("0.9", "NaN"),
        json.dumps(answer()).replace("0.9", "-Infinity"),
        json.dumps(answer()).replace("0.9", "1e999"),
        *(
            json.dumps(answer(**wrong))
            for wrong in (
                {"cause": ""},
                {"cause": " \n\u200b\u202e"},
                {"cause": None},
                {"cause": ["x"]},
                {"component": 3},
                {"severity": "apocalyptic"},
                {"severity": 4},
                {"confidence": "high"},
                {"confidence": True},
                {"confidence": 85},
                {"confidence": -0.1},
                {"confidence": None},
                {"fixable": "yes"},
                {"fixable": 1},
                {"evidence": "line 13"},
                {"evidence": None},
            )
        ),
        *(
            json.dumps({name: value for name, value in answer().items() if name != missing})
            for missing in answer()
        ),
    ],
)
async def test_an_answer_of_another_form_is_unusable_and_was_paid(facts: Facts, text: str) -> None:
    with pytest.raises(UnusableAnswer) as refused:
        await analysis_of(text, facts, ASKED)
    assert refused.value.asked == ASKED
    assert 0 < len(str(refused.value)) < 400


async def evidence(facts: Facts, *claims: Any) -> tuple[Any, float]:
    analysis = await analysis_of(json.dumps(answer(evidence=list(claims))), facts, ASKED)
    return analysis.evidence, analysis.confidence


@pytest.mark.parametrize(
    "claim",
    [
        {**LINE, "text": "job = self.jobs.pop(name, None)"},
        {**LINE, "source": "services/scheduler/ghost.py"},
        {**LINE, "source": "../../etc/passwd", "text": "root:x:0:0:root:/root:/bin/sh"},
        {**LINE, "source": "log", "text": "disk full"},
        {**LINE, "text": ""},
        {**LINE, "text": "d"},
        {**LINE, "text": "job = self.jobs[name]\nreturn None"},
        {**LINE, "text": 3},
        {**LINE, "source": None},
        "job = self.jobs[name]",
        None,
    ],
)
async def test_an_invented_line_is_no_evidence_and_tells_against_the_answer(facts: Facts, claim: Any) -> None:
    assert await evidence(facts, claim) == ((), UNFOUNDED)
    kept, confidence = await evidence(facts, LINE, claim)
    assert [entry.line for entry in kept] == [13]
    assert UNFOUNDED < confidence < 0.9


async def test_an_answer_without_evidence_is_not_sure(facts: Facts) -> None:
    assert await evidence(facts) == ((), WITHOUT_EVIDENCE)


@pytest.mark.parametrize(
    ("claim", "found"),
    [
        ({**LINE, "line": 99}, ("services/scheduler/worker.py", 13)),
        ({**LINE, "line": "thirteen"}, ("services/scheduler/worker.py", 13)),
        ({**LINE, "line": 1e300, "note": {"a": 1}}, ("services/scheduler/worker.py", 13)),
        ({**LINE, "text": "13|         job = self.jobs[name]"}, ("services/scheduler/worker.py", 13)),
        ({**LINE, "source": "./services/scheduler/worker.py"}, ("services/scheduler/worker.py", 13)),
        ({**LINE, "source": "services/scheduler/worker.py:13"}, ("services/scheduler/worker.py", 13)),
        ({**LINE, "text": "self.jobs[name]"}, ("services/scheduler/worker.py", 13)),
        ({**LINE, "source": "log", "text": "KeyError: 'job_7'"}, ("log", 0)),
        ({**LINE, "source": "occurrence 1", "text": "KeyError: 'job_7'"}, ("log", 0)),
    ],
)
async def test_evidence_is_told_as_it_really_stands(
    facts: Facts, claim: dict[str, Any], found: tuple[str, int]
) -> None:
    ((entry,), confidence) = await evidence(facts, claim)
    assert (entry.source, entry.line, confidence) == (*found, 0.9)
    assert entry.text in ("job = self.jobs[name]", "KeyError: 'job_7'")


@pytest.mark.parametrize(
    ("named", "kept"),
    [
        ("services/scheduler", "services/scheduler"),
        ("./services/scheduler/", "services/scheduler"),
        ("services.scheduler", "services/scheduler"),
        ("services.scheduler.worker", "services/scheduler/worker.py"),
        ("services/../../etc", "services/scheduler"),
        ("/etc", "services/scheduler"),
        ("the database", "services/scheduler"),
        ("", "services/scheduler"),
    ],
)
async def test_a_component_is_a_part_of_the_repository(facts: Facts, named: str, kept: str) -> None:
    analysis = await analysis_of(json.dumps(answer(component=named)), facts, ASKED)
    assert analysis.component == kept


async def test_without_source_a_component_is_at_least_a_name() -> None:
    facts = await facts_of(error_group(), None)
    for named, kept in (
        ("services/mail", "services/mail"),
        ("../../etc", "scheduler"),
        ("a\nb", "scheduler"),
    ):
        analysis = await analysis_of(json.dumps(answer(component=named)), facts, ASKED)
        assert analysis.component == kept


async def test_what_people_are_shown_is_plain_and_bounded(facts: Facts) -> None:
    cause = "<b>x</b>\x1b[2J\u202e password=hunter2hunter2 " + "and on " * 2_000
    note = "\x07\u2066see\nhere" + "!" * 10_000
    analysis = await analysis_of(
        json.dumps(answer(cause=cause, evidence=[{**LINE, "note": note}] * 90)), facts, ASKED
    )
    assert len(analysis.cause) <= 2_000
    assert len(analysis.evidence) == 1
    assert len(analysis.evidence[0].note) <= 300
    shown = analysis.cause + analysis.evidence[0].note
    assert shown.isprintable()
    assert "hunter2" not in shown


DIFF = """--- a/services/scheduler/worker.py
+++ b/services/scheduler/worker.py
@@ -11,9 +11,2 @@ class Worker:

     async def drive(self, name):
-        job = self.jobs[name]
+        job = self.jobs.get(name)
+        if job is None:
+            return None
         return job.run(LIMIT)

"""
TEST = "def test_it():\n    assert True\n"


def fix(**fields: Any) -> str:
    return json.dumps(
        {
            "explanation": "why",
            "diff": DIFF,
            "test_path": "tests/autofix/test_it.py",
            "test_code": TEST,
            **fields,
        }
    )


def test_what_models_get_wrong_in_the_form_of_a_fix_is_made_good(tmp_path: Path) -> None:
    """Counted wrong, fenced, with the line breaks of another system, and cut off before the last one."""
    fenced = "```diff\r\n" + DIFF.rstrip("\n").replace("\n", "\r\n") + "\r\n```"
    made = suggestion_of(
        fix(diff=fenced, test_code=f"```python\n{TEST}```", test_path=" `./tests/test_it.py`"), ASKED
    )
    assert (made.test_path, made.test_code, made.asked) == ("tests/test_it.py", TEST, ASKED)
    repository = make_repository(tmp_path / "code")
    subprocess.run(["git", "apply", "-"], input=made.diff.encode(), cwd=repository, check=True, timeout=30)
    changed = (repository / "services/scheduler/worker.py").read_text()
    assert changed == WORKER.replace(
        "job = self.jobs[name]", "job = self.jobs.get(name)\n        if job is None:\n            return None"
    )


def test_a_diff_of_several_files_is_counted_file_by_file() -> None:
    first, second = "--- a/x\n+++ b/x\n", "--- a/y\n+++ b/y\n"
    diff = f"{first}@@ -1 +1 @@\n-a\n+b\n+c\n\n{second}@@ -3,9 +4,9 @@ def f\n z\n--- gone\n-- w\n"
    assert recounted(diff) == (
        f"{first}@@ -1,1 +1,2 @@\n-a\n+b\n+c\n{second}@@ -3,3 +4,1 @@ def f\n z\n--- gone\n-- w\n"
    )
    assert recounted(recounted(diff)) == recounted(diff)


def test_a_text_that_is_right_stays_as_it_is() -> None:
    assert unfenced(TEST) == TEST
    assert unfenced("x = '''\n```\n'''\n") == "x = '''\n```\n'''\n"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"diff": "", "explanation": "the network is down"}, "wrote no fix: the network is down"),
        ({"diff": " \n"}, "wrote no fix"),
        ({"test_code": ""}, "wrote no test"),
        ({"test_path": " "}, "wrote no test"),
        ({"diff": None}, "diff is not a text"),
        ({"test_code": 3}, "test_code is not a text"),
        ({"diff": "x" * 300_000}, "too long"),
        ({"diff": "\ud800"}, "characters that no source file has"),
        ({"test_code": "x = '\x00'"}, "characters that no source file has"),
        ({"test_path": "tests/a\nb.py"}, "characters that no source file has"),
    ],
)
def test_an_answer_that_is_no_fix_is_unusable(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(UnusableAnswer, match=told) as refused:
        suggestion_of(fix(**fields), ASKED)
    assert refused.value.asked == ASKED
