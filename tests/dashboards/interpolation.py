"""What Grafana makes of a query before it sends it, as its documentation and its PostgreSQL plugin have it.

Strict: an unknown macro, a macro with a bracket inside and a variable that the dashboard does not have
are errors here, where Grafana would send nonsense.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Values = Mapping[str, Sequence[str]]
"""What is chosen of each variable."""

SCRAPE_INTERVAL_S = 15
"""As the data source is told; the least of `$__interval`."""
POINTS = 1_000
"""About as many as a panel of half a screen is wide."""
_MACRO = re.compile(r"\$(__[a-zA-Z]+)\(([^)]*)\)")
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)")
_STEP = re.compile(r"(\d+)([smhd])")
_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class TimeRange:
    """What the dashboard shows."""

    start: datetime
    end: datetime

    @classmethod
    def up_to(cls, end: datetime, length: timedelta) -> "TimeRange":
        return cls(end - length, end)

    @property
    def seconds(self) -> int:
        return round((self.end - self.start).total_seconds())


def step_s(shown: TimeRange, min_step: str = "") -> int:
    """The distance of two points of a graph: `$__interval`, in seconds."""
    match = _STEP.fullmatch(min_step or f"{SCRAPE_INTERVAL_S}s")
    assert match, f"{min_step!r} is no duration"
    return max(SCRAPE_INTERVAL_S, int(match[1]) * _UNITS_S[match[2]], shown.seconds // POINTS)


def promql(expr: str, shown: TimeRange, values: Values, min_step: str = "") -> str:
    """A PromQL expression as Prometheus gets it. ValueError for what nobody knows."""
    step = step_s(shown, min_step)
    known = {
        "__interval": f"{step}s",
        "__rate_interval": f"{max(step + SCRAPE_INTERVAL_S, 4 * SCRAPE_INTERVAL_S)}s",
        "__range": f"{shown.seconds}s",
    }

    def replace(match: re.Match[str]) -> str:
        name, form = match[1] or match[3], match[2]
        if form:
            raise ValueError(f"a format in PromQL: {match[0]}")
        if name in known:
            return known[name]
        chosen = values[name] if name in values else _unknown(name)
        if len(chosen) == 1:
            return _for_regex(chosen[0]) if chosen[0] != ".+" else ".+"
        return f"({'|'.join(_for_regex(value) for value in chosen)})"

    return _VARIABLE.sub(replace, expr)


def sql(text: str, shown: TimeRange, values: Values) -> str:
    """A SELECT as PostgreSQL gets it. ValueError for what nobody knows."""

    def variable(match: re.Match[str]) -> str:
        name, form = match[1] or match[3], match[2]
        if name.startswith("__"):
            return match[0]
        if form != "sqlstring":
            raise ValueError(f"{match[0]}: without `:sqlstring`, quotes in a value would end the text")
        chosen = values[name] if name in values else _unknown(name)
        return ",".join("'" + value.replace("'", "''") + "'" for value in chosen)

    done = _MACRO.sub(lambda match: _macro(match[1], match[2].strip(), shown), _VARIABLE.sub(variable, text))
    if left := re.search(r"\$__\w+|\$\{", done):
        raise ValueError(f"Grafana does not replace {left[0]}")
    return done


def _macro(name: str, argument: str, shown: TimeRange) -> str:
    start, end = (
        moment.astimezone(UTC).isoformat().replace("+00:00", "Z") for moment in (shown.start, shown.end)
    )
    match name:
        case "__timeFilter" if re.fullmatch(r"[\w.]+", argument):
            return f"{argument} BETWEEN '{start}' AND '{end}'"
        case "__timeFrom" if not argument:
            return f"'{start}'"
        case "__timeTo" if not argument:
            return f"'{end}'"
    raise ValueError(f"no macro that is known here: ${name}({argument})")


def _for_regex(value: str) -> str:
    # Escaped for the expression, then for the double quotes around it.
    return re.sub(r"([\\^$*+?.()|\[\]{}])", r"\\\\\1", value)


def _unknown(name: str) -> Sequence[str]:
    raise ValueError(f"the dashboard has no variable {name}")
