"""One error group for people: its facts, why it happens, its fix, occurrences and history."""

from collections.abc import Iterator

from rich.text import Text

from aiartist.artist_db.v1 import artist_db_pb2 as db
from cli.error_words import sparkline, word_cell
from cli.output import Output, cell, facts, listing
from cli.texts import clock, dollars, moment, plain, printable, short_moment

_SHOWN_DIGITS = 12
_STEPS = {
    db.ErrorStep.KIND_ANALYZE: "explain it",
    db.ErrorStep.KIND_FIX: "try a fix",
    db.ErrorStep.KIND_APPLY: "apply the fix",
    db.ErrorStep.KIND_WATCH: "watch the fix",
    db.ErrorStep.KIND_REVERT: "take the fix out",
}
_DIFF_STYLES = (("+++", "bold"), ("---", "bold"), ("@@", "cyan"), ("+", "green"), ("-", "red"))


def show_group(output: Output, group: db.ErrorGroup) -> None:
    """Shows all that is known of it, the newest occurrences last but for the history."""
    report = group.report
    output.show(
        facts(
            title=group.title,
            where=group.culprit,
            error=group.fingerprint,
            count=f"{group.count:,}",
            services=", ".join(group.services),
            versions=", ".join(group.code_versions),
            first_seen=moment(group.first_seen),
            last_seen=moment(group.last_seen),
            by_hour=_by_hour(group),
            status=word_cell(group.status),
            why=_why(report),
            next=_next(group),
            severity=_severity(report),
            component=report.component,
            cause=report.cause,
        )
    )
    _lines(output, "evidence", (_evidence(one) for one in report.evidence))
    if report.diff:
        _show_fix(output, report)
    for sample in group.samples:
        output.say("")
        output.say(f"{moment(sample.time)}  {plain(sample.service)} {plain(sample.code_version)}".rstrip())
        output.say(f"  {plain(sample.message)}")
        for line in sample.text.splitlines():
            output.say(f"  {plain(line)}")
        for name, value in sorted(sample.context.items()):
            output.say(f"  {plain(name)}={plain(value)}")
    if group.history:
        _show_history(output, group)
    _show_ways_on(output, group)


def show_fix_facts(output: Output, report: db.ErrorReport) -> None:
    """What is known of a fix, before its diff."""
    output.show(
        facts(
            fix=report.explanation,
            branch=report.branch,
            commit=report.commit,
            made_for=report.base_commit,
            applied=moment(report.applied_at) if report.HasField("applied_at") else "",
            test=report.test_path,
            models=", ".join(report.models),
            cost=dollars(report.cost_micro_usd) if report.cost_micro_usd else "",
        )
    )


def diff_lines(diff: str) -> Iterator[Text]:
    """A unified diff, its lines in colours."""
    for line in printable(diff).splitlines():
        style = next((style for mark, style in _DIFF_STYLES if line.startswith(mark)), "")
        yield Text(line, style=style)


def _show_fix(output: Output, report: db.ErrorReport) -> None:
    output.say("")
    show_fix_facts(output, report)
    for line in diff_lines(report.diff):
        output.console.print(line, soft_wrap=True)
    if report.test_code:
        _lines(output, f"test {plain(report.test_path)}", printable(report.test_code).splitlines())
    if report.proof:
        _lines(output, "proof", printable(report.proof).splitlines())


def _show_history(output: Output, group: db.ErrorGroup) -> None:
    output.say("")
    table = listing("when", "status", "by", "why")
    for report in (group.report, *group.history):
        table.add_row(
            short_moment(report.created_at),
            word_cell(report.status),
            cell(report.by, 20),
            cell(report.reason, 40),
        )
    output.show(table)


def _show_ways_on(output: Output, group: db.ErrorGroup) -> None:
    """The commands that the status calls for."""
    short = group.fingerprint[:_SHOWN_DIGITS]
    if group.status == "fix_suggested" and group.report.commit:
        output.say("")
        output.say(f"take it: git merge {plain(group.report.branch)}")
        output.say(f"or, in the mode apply: aiartist error apply {short}")
    elif group.status == "fix_applied":
        output.say("")
        output.say(f"take out: aiartist error revert {short} --reason WHY")


def _by_hour(group: db.ErrorGroup) -> str:
    if not group.hours:
        return ""
    first = min(hour.hour.seconds for hour in group.hours)
    last = max(hour.hour.seconds for hour in group.hours)
    since = next(hour.hour for hour in group.hours if hour.hour.seconds == first)
    until = next(hour.hour for hour in group.hours if hour.hour.seconds == last)
    return f"{sparkline(group.hours)}  {short_moment(since)} to {clock(until)[:5]}"


def _why(report: db.ErrorReport) -> str:
    return ": ".join(filter(None, (f"by {report.by}" if report.by else "", report.reason)))


def _next(group: db.ErrorGroup) -> str:
    """What is to be done about it, when, and why not yet."""
    if not group.HasField("step") or group.step.kind not in _STEPS:
        return ""
    reason = f": {group.step.reason}" if group.step.reason else ""
    return f"{_STEPS[group.step.kind]}, from {moment(group.step.due_at)}{reason}"


def _severity(report: db.ErrorReport) -> Text | str:
    if not report.severity:
        return ""
    mends = "code can mend it" if report.fixable else "no change of code mends it"
    sure = f"{report.confidence:.0%} sure"
    return word_cell(report.severity, f"{report.severity}, {sure}; {mends}")


def _evidence(evidence: db.ErrorEvidence) -> str:
    where = f"{evidence.source}:{evidence.line}" if evidence.line else evidence.source
    note = f"  ({plain(evidence.note)})" if evidence.note else ""
    return f"{plain(where)}: {plain(evidence.text)}{note}"


def _lines(output: Output, heading: str, lines: Iterator[str] | list[str]) -> None:
    shown = list(lines)
    if shown:
        output.say("")
        output.say(f"{heading}:")
        for line in shown:
            output.say(f"  {line}")
