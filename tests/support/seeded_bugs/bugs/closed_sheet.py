"""A file that is closed a line too early."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="closed_sheet",
    kind="closed file",
    function="mixtape.export.sheet",
    error="ValueError: I/O operation on closed file",
    log="plain",
    jobs=(Job("export.sheet", {"rows": [{"title": "Rain", "streams": 30}], "with_total": True}),),
    cause="sheet() writes the total after the with block has closed what it writes to.",
    severity="high",
    evidence="    if with_total:",
    note="It stands outside of the with block.",
    before="""\
        text = out.getvalue()
    if with_total:
        writer.writerow({"title": "total", "streams": sum(int(str(row["streams"])) for row in rows)})
        text = out.getvalue()
    return text
""",
    after="""\
        if with_total:
            writer.writerow({"title": "total", "streams": sum(int(str(row["streams"])) for row in rows)})
        return out.getvalue()
""",
    test="""\
from mixtape import export


def test_a_sheet_ends_with_its_total():
    rows = [{"title": "Rain", "streams": 30}, {"title": "Glass", "streams": 12}]
    assert export.sheet(rows, with_total=True).splitlines()[-1] == "total,42"
""",
    explanation="The total is written while the sheet is open.",
)
