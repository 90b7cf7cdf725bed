"""Worlds of faults, made from a seed, and the errors that they cause: who groups these must find the faults.

raised    an exception with frames of ours; some hosts ship it, others write it to a log that is read there
said      a log line with numbers, ids, addresses, times, durations, paths, quotes and the like
coded     a log line that differs from others in the number, such as a status, that says which error it is
named     a log line with a free word, such as a user's name; some with two
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.error_analyzer.grouping import Event, TracedFrame, in_app, module_of


def words_of(text: str) -> Sequence[str]:
    return text.split()


SERVICES = ("scheduler", "artist_db", "orchestrator", "release", "notifier", "cli")
HOSTS = (
    "/app",
    "/srv/label",
    "/home/ana/label",
    "/usr/src/app",
    "C:\\label",
    "/opt/x/lib/python3.12/site-packages",
)
_VERBS = words_of(
    """
    open read write send fetch render publish queue merge store encode upload verify split resume load
    """
)
_NOUNS = words_of(
    """
    song cover video take brief playlist release track stem album invoice budget token cache feed
    report session artwork voice lyric chorus sample mixdown manifest package channel message webhook
    ledger snapshot
    """
)
_REASONS = (
    "refused",
    "timed out",
    "is not allowed",
    "has no owner",
    "was cut off",
    "is locked",
    "does not match",
    "is already gone",
    "was never made",
    "is too old",
)
_ERRORS = words_of(
    """
    ValueError KeyError TimeoutError OSError asyncpg.exceptions.UniqueViolationError
    grpc.aio.AioRpcError
    """
)
_FUNCTIONS = words_of(
    """
    drive step save load plan claim finish renew apply check compose mix cut post
    """
)
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"
_BASE_32 = "0123456789abcdefghjkmnpqrstvwxyz"
_POD = "bcdfghjklmnpqrstvwxz2456789"
BEGAN = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is wrong in one service. `happens`: an error of it, another one each time."""

    name: str
    service: str
    happens: Callable[[random.Random], Event]


@dataclass(frozen=True, slots=True)
class Made:
    """An error, and the name of the fault that it is of."""

    fault: str
    event: Event


class World:
    """Some hundred faults of six services, the same for the same seed."""

    def __init__(
        self, seed: int, *, raised: int = 150, said: int = 180, named: int = 30, coded: int = 20
    ) -> None:
        self._random = random.Random(f"faults {seed}")
        self._seed = seed
        self._texts: set[str] = set()
        self._coded_text = ""
        self.faults: Sequence[Fault] = (
            *(self._raised(number) for number in range(raised)),
            *(self._said(number) for number in range(said)),
            *(self._named(number) for number in range(named)),
            *(self._coded(number) for number in range(coded)),
        )

    def errors(self, count: int) -> Iterator[Made]:
        """So many errors, of all services mixed; a fault with free words comes 10 times as often."""
        rng = random.Random(f"errors {self._seed}")
        weights = [10 if fault.name.startswith("named") else 1 for fault in self.faults]
        for number, fault in enumerate(rng.choices(self.faults, weights, k=count)):
            event = fault.happens(rng)
            yield Made(fault.name, _at(event, BEGAN + timedelta(seconds=number / 7)))

    def lines(self, count: int) -> Iterator[tuple[str, str]]:
        """So many log lines without exceptions: the fault's name and the line."""
        rng = random.Random(f"lines {self._seed}")
        told = [fault for fault in self.faults if not fault.name.startswith("raised")]
        weights = [10 if fault.name.startswith("named") else 1 for fault in told]
        for fault in rng.choices(told, weights, k=count):
            yield fault.name, fault.happens(rng).message

    def _raised(self, number: int) -> Fault:
        """Hosts differ in where the code lies, lines move, and who reports knows functions by other names."""
        rng = self._random
        service, kind = rng.choice(SERVICES), rng.choice(_ERRORS)
        path = [
            (
                f"services/{service}/{rng.choice(_NOUNS)}s.py",
                rng.choice(("", "Worker.", "run.<locals>.")),
                name,
            )
            for name in rng.sample(_FUNCTIONS, rng.randint(2, 4))
        ]
        # The last function makes it a fault of its own.
        path[-1] = (path[-1][0], path[-1][1], f"{path[-1][2]}_{self._word()}")

        def happens(rng: random.Random) -> Event:
            moved = rng.randint(0, 300)
            shipped = rng.random() < 0.5
            host = rng.choice(HOSTS)
            frames = [_library("asyncio/runners.py", "run", rng)] if rng.random() < 0.5 else []
            for depth, (file, scope, name) in enumerate(path):
                source = f"{host}/{file}".replace("/", "\\") if "\\" in host else f"{host}/{file}"
                if shipped:
                    module = file.removesuffix(".py").replace("/", ".")
                    frames.append(TracedFrame(module, f"{scope}{name}", True, moved + 10 * depth))
                else:
                    frames.append(TracedFrame(module_of(source), name, in_app(source), moved + 10 * depth))
                if rng.random() < 0.3 and depth + 1 < len(path):
                    frames.append(_library("asyncpg/pool.py", "fetch", rng))
            if rng.random() < 0.3:
                frames.append(_library("asyncpg/protocol.py", "query", rng))
            return Event(service, "stage failed", kind, filled("no {id} at {path}: {number}", rng), frames)

        return Fault(f"raised {number}", service, happens)

    def _said(self, number: int) -> Fault:
        shape, service = self._text(1), self._random.choice(SERVICES)
        alone = self._random.random() < 0.2
        kind = self._random.choice(_ERRORS)

        def happens(rng: random.Random) -> Event:
            if not alone:
                return Event(service, filled(shape, rng))
            # An exception of which only a library's frames are known.
            text = filled(shape, rng)
            return Event(service, f"{kind}: {text}", kind, text, [_library("grpc/aio.py", "call", rng)])

        return Fault(f"said {number}", service, happens)

    def _named(self, number: int) -> Fault:
        rng = self._random
        service = rng.choice(SERVICES)
        names = [self._word() for _ in range(rng.choice((60, 300, 3_000)))]
        others = [self._word() for _ in range(25)] if number % 10 == 0 else []
        if others:
            names = names[:40]
        shape = self._text(2) + rng.choice(
            (" for {name}", " of user {name}, again", " ({name}) in {duration}")
        )
        if others:
            shape = f"{shape} on the channel {{other}} of it"

        def happens(rng: random.Random) -> Event:
            text = shape.replace("{name}", rng.choice(names))
            return Event(service, filled(text.replace("{other}", rng.choice(others or [""])), rng))

        return Fault(f"named {number}", service, happens)

    def _coded(self, number: int) -> Fault:
        """Every fifth begins a text of its own, in one way to tell a code; the next four have it, too."""
        if number % 5 == 0:
            self._coded_text = self._text(1) + _CODED[number // 5 % len(_CODED)]
        shape = self._coded_text.replace("{code}", str(401 + number))
        service = self._random.choice(SERVICES)
        return Fault(f"coded {number}", service, lambda rng: Event(service, filled(shape, rng)))

    def _text(self, values: int) -> str:
        """A message of its own, with places for values."""
        rng = self._random
        while True:
            text = f"cannot {rng.choice(_VERBS)} the {rng.choice(_NOUNS)}: it {rng.choice(_REASONS)}"
            if rng.random() < 0.5:
                what, whose = rng.choice(_NOUNS), rng.choice(_NOUNS)
                text = f"{what} {rng.choice(_VERBS)} {rng.choice(_REASONS)} by the {whose}"
            if text not in self._texts:
                self._texts.add(text)
                return text + "".join(rng.sample(_VALUES, values))

    def _word(self) -> str:
        rng = self._random
        while True:
            word = "".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(rng.randint(2, 4)))
            if word not in self._texts:
                self._texts.add(word)
                return word


_VALUES = (
    " after {number} tries",
    " in {duration}",
    " from {address}",
    " at {time}",
    " (run_id={id}, size={size})",
    " on {pod}",
    " by {pod}_music({uuid})",
    ", Key (name)=({words}) is taken",
    " in /data/{title}.wav",
    " near {path}",
    " while {quoted} was kept",
    " with {hex} and {uuid}",
    " of {mail}",
    " at {percent} of disk",
    ", see {url}",
    ", got {json}",
    " by worker{small}",
    " in version {version}",
    ", limit: {maybe}",
)

_CODED = (": HTTP {code}", ", exit code {code}", ", status={code}", ": E{code}")


def filled(shape: str, rng: random.Random) -> str:
    """The shape with values in its places."""
    for place, value in _MADE.items():
        while f"{{{place}}}" in shape:
            shape = shape.replace(f"{{{place}}}", value(rng), 1)
    return shape


def _hex(rng: random.Random, digits: int) -> str:
    # A digest without a digit is a word.
    return f"{rng.randint(0, 9)}{rng.getrandbits(4 * digits - 4):0{digits - 1}x}"


def _from(rng: random.Random, alphabet: str, count: int) -> str:
    return "".join(rng.choices(alphabet, k=count))


def _uuid(rng: random.Random) -> str:
    digits = _hex(rng, 32)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _ip(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return ":".join(f"{rng.randint(1, 65_535):x}" for _ in range(8))
    return ".".join(str(rng.randint(1, 254)) for _ in range(4)) + rng.choice(("", ":5432", ":50052"))


_MADE: dict[str, Callable[[random.Random], str]] = {
    "json": lambda rng: (
        f'{{"id": {rng.randint(1, 999)}, "tags": {["a", "b"][: rng.randint(0, 2)]}, "by": "it\'s"}}'
    ),
    "number": lambda rng: rng.choice((str(rng.randint(-9, 10**9)), f"{rng.random() * 100:.3f}", "1,234,567")),
    "small": lambda rng: str(rng.randint(1, 40)),
    "duration": lambda rng: f"{rng.randint(1, 5000)}{rng.choice(('ms', ' ms', 's', ' seconds', 'm 3s'))}",
    "address": _ip,
    "time": lambda rng: (BEGAN + timedelta(seconds=rng.random() * 10**7)).isoformat(rng.choice("T ")),
    "id": lambda rng: f"{rng.choice(('run', 'art', 'tak'))}_{_from(rng, _BASE_32, 26)}",
    "size": lambda rng: f"{rng.randint(1, 999)}{rng.choice(('MiB', 'kB', ' bytes'))}",
    "pod": lambda rng: f"label-{_from(rng, _POD, rng.randint(9, 10))}-{_from(rng, _POD, 5)}",
    "path": lambda rng: f"/{rng.choice(('var', 'data'))}/{_hex(rng, 6)}/{rng.choice(_NOUNS)}.flac",
    "quoted": lambda rng: rng.choice(("'{}'", '"{}"')).format(
        " ".join(rng.sample(_NOUNS, rng.randint(1, 4)))
    ),
    "hex": lambda rng: rng.choice((f"0x{_hex(rng, 12)}", _hex(rng, 40))),
    "uuid": _uuid,
    "mail": lambda rng: f"{rng.choice(_NOUNS)}{rng.randint(1, 99)}@example.org",
    "percent": lambda rng: rng.choice((f"{rng.randint(1, 99)}%", f"{rng.random() * 99:.1f}%")),
    "url": lambda rng: f"https://{rng.choice(_NOUNS)}.example.org/{_hex(rng, 8)}?n={rng.randint(1, 99)}",
    "version": lambda rng: (
        f"{rng.randint(0, 3)}.{rng.randint(0, 30)}.{rng.randint(0, 9)}{rng.choice(('', '-rc1'))}"
    ),
    "words": lambda rng: " ".join(rng.sample(_NOUNS, rng.randint(1, 3))),
    "title": lambda rng: " ".join(word.title() for word in rng.sample(_NOUNS, rng.randint(1, 4))),
    "maybe": lambda rng: rng.choice((str(rng.randint(1, 99)), "None", "'x y'", "true")),
}


def _library(path: str, function: str, rng: random.Random) -> TracedFrame:
    return TracedFrame(module_of(path), function, False, rng.randint(1, 900))


def _at(event: Event, time: datetime) -> Event:
    return Event(
        event.service,
        event.message,
        event.exception_type,
        event.exception_message,
        event.frames,
        {"run_id": f"run_{time.timestamp():.0f}"},
        time,
        "1.0",
    )


def strange_lines(seed: int, count: int) -> Iterator[str]:
    """So many lines of which hardly two have a word in common: nothing that could be grouped."""
    rng = random.Random(f"strange {seed}")
    for _ in range(count):
        yield " ".join(_from(rng, _CONSONANTS + _VOWELS, rng.randint(3, 9)) for _ in range(8))
