"""Asks models for a fix: a diff, and a test that fails without it."""

from collections.abc import Sequence

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import OrchestratorServiceStub
from services.error_analyzer.diagnosis.answers import SUGGESTION_SCHEMA, json_object, text_of
from services.error_analyzer.diagnosis.asking import ask, prompt
from services.error_analyzer.diagnosis.budget import Budget, tokens_of
from services.error_analyzer.diagnosis.diffs import is_text, recounted, unfenced
from services.error_analyzer.diagnosis.facts import (
    Facts,
    facts_of,
    source_label,
    tell_error,
    tell_occurrences,
    tell_spot,
)
from services.error_analyzer.diagnosis.source import SourceFile, SourceReader, numbered
from services.error_analyzer.diagnosis.texts import log_lines, plain
from services.error_analyzer.domain import Asked, RepairUnavailable, Suggestion, UnusableAnswer

ROLE = "engineer"
MAX_TOKENS = 16_000
"""Of an answer; some models think aloud in them."""
MAX_EXPLANATION = 2_000
MAX_CODE = 200_000
MAX_FILES = 4
"""Files that an engineer is shown, beside the functions of the rest."""
SMALL_FILE_LINES = 400
MAX_PATH = 300


class Engineer:
    """Writes fixes. `tokens`: of logs and source in a question, by estimate. `rules`: see `rules_for`."""

    def __init__(
        self, models: OrchestratorServiceStub, source: SourceReader | None, *, tokens: int, rules: str
    ) -> None:
        self._models = models
        self._source = source
        self._tokens = tokens
        self._prompt = prompt("engineer", rules=rules)

    async def suggest(
        self, group: db.ErrorGroup, report: db.ErrorReport, *, attempt_id: str, feedback: str
    ) -> Suggestion:
        """A fix as a model wrote it, unchecked. `feedback`: what was wrong with the try before, if any.

        Raises UnusableAnswer, also where no file is known that could be mended, ModelsSilent, ModelsAway, and
        RepairUnavailable where there is no source to mend. The same attempt at the same error is paid once.
        """
        facts = await facts_of(group, self._source)
        if facts.code is None:
            raise RepairUnavailable("the repository can't be read: there is nothing to mend")
        files = await _files(facts, report)
        if not files:
            raise UnusableAnswer("no file of the repository is known to be on the way to this error")
        budget = _question_about(facts, files, report, feedback, self._tokens)
        answered = await ask(
            self._models,
            ROLE,
            self._prompt,
            budget.materials,
            SUGGESTION_SCHEMA,
            attempt_id=attempt_id,
            max_tokens=MAX_TOKENS,
        )
        return suggestion_of(answered.text, answered.asked)


def rules_for(*, paths: Sequence[str], tests: str, max_files: int, max_lines: int) -> str:
    """The rules of a repository as an engineer is told them: globs of what may change, and how much."""
    return "\n".join(
        (
            f"- Only files that match one of these globs may change: {', '.join(paths)}.",
            f"- At most {max_files} files, and {max_lines} added and removed lines, the test not counted.",
            f"- test_path is {tests.strip('/')}/test_<what>.py, with lower-case letters, digits and _ only.",
        )
    )


def suggestion_of(text: str, asked: Asked) -> Suggestion:
    """The fix in an answer, its form made good where that changes no meaning; else UnusableAnswer."""
    answer = json_object(text, asked)
    explanation = plain(text_of(answer, "explanation", asked), MAX_EXPLANATION, lines=True)
    diff, code = (unfenced(text_of(answer, name, asked)) for name in ("diff", "test_code"))
    path = text_of(answer, "test_path", asked).strip().strip("`").removeprefix("./")
    if not diff:
        raise UnusableAnswer(
            f"the engineer wrote no fix: {explanation[:500] or 'it does not say why'}", asked
        )
    if not code or not path:
        raise UnusableAnswer("the engineer wrote no test", asked)
    if len(diff) > MAX_CODE or len(code) > MAX_CODE or len(path) > MAX_PATH:
        raise UnusableAnswer("the answer is too long for a fix", asked)
    if not (is_text(diff) and is_text(code) and path.isprintable()):
        raise UnusableAnswer("the answer holds characters that no source file has", asked)
    return Suggestion(recounted(diff), path, code, explanation, asked)


async def _files(facts: Facts, report: db.ErrorReport) -> list[SourceFile]:
    """The files on the way to the error, innermost first, then those that the analyst's evidence is from."""
    assert facts.code is not None
    files = {spot.file.path: spot.file for spot in facts.spots}
    for evidence in report.evidence:
        if evidence.source not in files and (file := await facts.code.read(evidence.source)) is not None:
            files[file.path] = file
    return list(files.values())


def _question_about(
    facts: Facts, files: Sequence[SourceFile], report: db.ErrorReport, feedback: str, tokens: int
) -> Budget:
    """What an engineer is shown, the most important first."""
    budget = Budget(tokens)
    tell_error(facts, budget, max(tokens // 8, 650))
    budget.add("the analyst's report", _report_lines(report), most=tokens // 6)
    budget.add("what was wrong with the try before", log_lines(feedback), most=tokens // 6, keep="tail")
    whole = set()
    for file in files[:MAX_FILES]:
        lines = [f"file {file.path}, whole", *numbered(file, 1, len(file.lines))]
        # The log must still find a place.
        if len(lines) <= SMALL_FILE_LINES and tokens_of("\n".join(lines)) < budget.left - tokens // 8:
            budget.add(source_label(file.path), lines)
            whole.add(file.path)
    windows = [spot for spot in facts.spots if spot.file.path not in whole]
    for spot in windows:
        tell_spot(spot, budget, max(tokens // 8, budget.left * 2 // 3))
    shown = whole | {spot.file.path for spot in windows}
    for file in files:
        lines = [f"file {file.path}", *numbered(file, 1, len(file.lines))]
        places = [entry.line for entry in report.evidence if entry.source == file.path and entry.line]
        if file.path not in shown and places:
            most = budget.left // 2
            budget.add(source_label(file.path), lines, most=most, keep="around", around=places[0])
    tell_occurrences(facts, budget, (tokens // 8, tokens // 16))
    return budget


def _report_lines(report: db.ErrorReport) -> list[str]:
    lines = ["cause:", *log_lines(report.cause), f"component: {plain(report.component, 200)}", "evidence:"]
    for entry in report.evidence:
        lines.append(
            f"{plain(entry.source, 300)}:{entry.line}: {plain(entry.text, 300)} ({plain(entry.note, 300)})"
        )
    return lines
