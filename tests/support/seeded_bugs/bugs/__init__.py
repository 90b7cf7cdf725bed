"""The twenty bugs, a module each."""

from importlib import import_module
from pkgutil import iter_modules

from tests.support.seeded_bugs.bug import Bug

BUGS: tuple[Bug, ...] = tuple(
    import_module(f"{__name__}.{module.name}").BUG
    for module in sorted(iter_modules(__path__), key=lambda m: m.name)
)
