"""Files of rows and columns, however a spreadsheet writes them."""

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli.failures import BAD_INPUT, Failure
from cli.performance_kinds import KINDS, Fit, fit, nearly
from cli.texts import plain, shortened
from cli.yaml_file import FileProblems, Problem

MAX_BYTES = 256 * 1024 * 1024
MAX_NAME = 1_000
MAX_SHOWN = 40
_DELIMITERS = ",;\t"
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Row:
    line: int
    cells: Sequence[str]


def table_of(path: Path) -> tuple[Fit, str, list[Row]]:
    """What the file is, its delimiter and its rows."""
    text = _decoded(path, _bytes_of(path))
    headers = {delimiter: _header(text, delimiter) for delimiter in _DELIMITERS}
    for delimiter, header in headers.items():
        found = fit(header)
        if found is not None:
            return found, delimiter, _rows(path, text, delimiter)
    header = max(headers.values(), key=len)
    if not any(map(str.strip, header)):
        raise Failure(f"{plain(str(path))}: is empty", exit_code=BAD_INPUT)
    raise Failure(*_unknown(path, header), exit_code=BAD_INPUT)


def _unknown(path: Path, header: Sequence[str]) -> Iterator[str]:
    shown = ", ".join(shortened(plain(name), MAX_SHOWN) for name in header[:20])
    more = f" and {len(header) - 20} more" if len(header) > 20 else ""
    yield f"{plain(str(path))}: is no export that is known; its columns: {shown}{more}"
    near = nearly(header)
    if near is not None:
        yield f"it is most like {near[0].label}, but has no {' and no '.join(near[1])}"
    yield "known are, with the columns that they need:"
    yield from (f"{kind.label}: {kind.columns}" for kind in KINDS if not kind.why_not)


def _header(text: str, delimiter: str) -> Sequence[str]:
    return next((row.cells for row in _cells(text[: MAX_NAME * 20], delimiter)), [])


def _rows(path: Path, text: str, delimiter: str) -> list[Row]:
    try:
        _, *rows = _cells(text, delimiter)
    except csv.Error as error:
        raise FileProblems(str(path), [Problem(0, "", f"is no table of text: {error}")]) from error
    return rows


def _cells(text: str, delimiter: str) -> Iterator[Row]:
    """The rows that have anything in them."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    for cells in reader:
        # Excel's own first line, `sep=;`, is no row.
        if any(map(str.strip, cells)) and not (reader.line_num == 1 and cells[0].startswith("sep=")):
            yield Row(reader.line_num, cells)


def _bytes_of(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Failure(
                f"{plain(str(path))}: is larger than {MAX_BYTES >> 20} MiB; export shorter periods",
                exit_code=BAD_INPUT,
            )
        return path.read_bytes()
    except OSError as error:
        raise Failure(
            f"{plain(str(path))}: can't be read: {error.strerror or error}", exit_code=BAD_INPUT
        ) from error


def _decoded(path: Path, data: bytes) -> str:
    if data.startswith(_ZIP):
        raise Failure(
            f"{plain(str(path))}: is an archive or a workbook; unpack it, or save it as CSV, and import that",
            exit_code=BAD_INPUT,
        )
    encodings = [name for mark, name in _MARKS if data.startswith(mark)] or ["utf-8", "cp1252"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise Failure(f"{plain(str(path))}: is no text file", exit_code=BAD_INPUT)
