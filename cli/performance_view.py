"""How numbers of platforms and scores read."""

from collections.abc import Mapping, Sequence

from rich.table import Table

from aiartist.artist_db.v1 import performance_pb2 as pb
from cli.output import cell, listing
from cli.performance_names import Name
from cli.texts import ABSENT, amount, plain


def score_table(scores: Sequence[pb.ReleaseScore], names: Mapping[str, str]) -> Table:
    """Scores, a line each; `names` are artists' by their ids."""
    right = ("score", "sure", "plays")
    table = listing("id", "title", "artist", *right, "last day", right=right)
    for score in scores:
        table.add_row(
            cell(score.release_id),
            cell(score.title, 20),
            cell(names.get(score.artist_id, score.artist_id), 12),
            f"{score.score:.2f}",
            sure(score),
            f"{score.plays:,}",
            score.last_day or ABSENT,
        )
    return table


def sure(score: pb.ReleaseScore) -> str:
    """For example `70 %`."""
    return f"{score.sureness * 100:.0f} %"


def called(name: Name) -> str:
    """A release as a file names it."""
    by = f" by {name.artist}" if name.artist else ""
    return plain(f"{name.text!r}{by}")


def metric_name(metric: int) -> str:
    """For example `streams`."""
    return pb.Metric.Name(pb.Metric.ValueType(metric)).removeprefix("METRIC_").lower()


def shown_value(metric: int, value: int) -> str:
    """A number in its metric's unit, earnings in dollars."""
    if metric != pb.METRIC_EARNINGS:
        return f"{value:,}"
    return f"-{amount(-value)}" if value < 0 else amount(value)
