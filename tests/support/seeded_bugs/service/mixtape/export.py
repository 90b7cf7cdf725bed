"""Sheets that accountants get."""

import base64
import csv
import io
from collections.abc import Mapping, Sequence

COLUMNS = ("title", "streams")


def sheet(rows: Sequence[Mapping[str, object]], with_total: bool = False) -> str:
    """Rows as CSV; with a total as the last line where it is wanted."""
    with io.StringIO(newline="") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        text = out.getvalue()
    if with_total:
        writer.writerow({"title": "total", "streams": sum(int(str(row["streams"])) for row in rows)})
        text = out.getvalue()
    return text


def attachment(text: str) -> str:
    """A sheet as it is put into a mail: bytes in base64."""
    return base64.b64encode(text.encode("latin-1")).decode()


def file_name(artist: str, month: str) -> str:
    """What a sheet is called, for example `nova-lane-2026-03.csv`."""
    return f"{artist.lower().replace(' ', '-')}-{month}.csv"
