"""A sort by what can't be compared."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="left_the_chart",
    kind="wrong sort key",
    function="mixtape.charts.ranking",
    error="TypeError: '<' not supported between instances of 'NoneType' and 'int'",
    log="json",
    jobs=(
        Job(
            "charts.ranking",
            {"entries": [{"title": "Rain", "position": 2}, {"title": "Glass", "position": None}]},
        ),
    ),
    cause="ranking() sorts by position alone, and an entry that left the chart has None there.",
    severity="medium",
    evidence="""    ranked = sorted(entries, key=lambda entry: entry["position"])""",
    note="None is compared with numbers.",
    before="""\
    ranked = sorted(entries, key=lambda entry: entry["position"])
""",
    after="""\
    ranked = sorted(entries, key=lambda entry: (entry["position"] is None, entry["position"] or 0))
""",
    test="""\
from mixtape import charts


def test_titles_that_left_the_chart_come_last():
    entries = [{"title": "Glass", "position": None}, {"title": "Rain", "position": 2}]
    assert charts.ranking(entries) == ["Rain", "Glass"]
""",
    explanation="Entries without a position are sorted behind all others.",
)
