"""The code's version, as installed."""

from importlib.metadata import PackageNotFoundError, version


def _read() -> str:
    try:
        return version("aiartist")
    except PackageNotFoundError:
        return "0+source"


VERSION = _read()
