"""What went wrong, in a line or two: what it is, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass

import grpc

from cli.texts import plain
from services.chassis.errors import RemoteError

FAILED = 1
BAD_INPUT = 2
UNREACHABLE = 3
INTERRUPTED = 130

_SEE = {
    "artist": "see who there is: aiartist artist list",
    "run": "see which there are: aiartist run list",
    "release": "see which there are: aiartist release list",
    "open question of run": "see which wait: aiartist run list --state awaiting_approval",
    "experiment": "see which there are: aiartist experiment list",
    "change": "see which there are: aiartist artist changes",
    "move": "see which there are: aiartist artist moves",
    "error group": "see which there are: aiartist error list",
    "error_group": "see which there are: aiartist error list",
}


class Failure(Exception):
    """Ends the command with these lines on standard error and this exit status."""

    def __init__(self, *lines: str, exit_code: int = FAILED) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
        self.exit_code = exit_code


class ServiceFailure(Exception):
    """A call that a service refused or never got."""

    def __init__(self, service: str, address: str, remote: RemoteError) -> None:
        super().__init__(remote.message)
        self.service = service
        self.address = address
        self.remote = remote


@dataclass(frozen=True, slots=True)
class Explanation:
    """What to print, and how to exit."""

    lines: tuple[str, ...]
    exit_code: int = FAILED


def explain(failure: ServiceFailure) -> Explanation:
    """The failure for people."""
    remote = failure.remote
    if not remote.from_platform:
        return _from_the_wire(failure)
    reason = remote.remote_reason.removeprefix("ERROR_REASON_")
    what = plain(remote.message)
    if reason == "INVALID_INPUT":
        fields = tuple(f"{plain(v.field)}: {plain(v.description)}" for v in remote.violations)
        return Explanation(fields or (what,), BAD_INPUT)
    if reason == "PAGE_TOKEN":
        return Explanation((what,), BAD_INPUT)
    lines = (what, *what_to_do(reason, remote.metadata))
    return Explanation(lines, UNREACHABLE if reason == "DEPENDENCY_UNAVAILABLE" else FAILED)


def what_to_do(reason: str, metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The remedy's lines; none where there is none. `reason` without its prefix."""
    kind, name = metadata.get("kind", ""), plain(metadata.get("id", ""))
    match reason:
        case "NOT_FOUND":
            return (_SEE[kind],) if kind in _SEE else ()
        case "ALREADY_EXISTS" if kind == "artist":
            return ("to bring them up to date: aiartist artist add FILE --update",)
        case "WRONG_STATE" if kind in ("run", "artist", "experiment"):
            return (f"see how it stands: aiartist {kind} show {name}",)
        case "WRONG_STATE" if kind in ("error group", "error_group"):
            return (f"see how it stands: aiartist error show {name}",)
        case "WRONG_STATE" if kind in ("change", "move"):
            return (f"see how it stands: aiartist artist {kind}s",)
        case "STALE_DIGEST" if "fingerprint" in metadata:
            return (f"look at it again: aiartist error show {plain(metadata['fingerprint'])}",)
        case "REPAIR_OFF":
            setting = plain(metadata.get("setting", ""))
            allow = f"set {setting} for error_analyzer" if setting else ""
            return tuple(filter(None, (allow, "see what is set up: aiartist error setup")))
        case "STALE_DIGEST":
            return (f"look at it again: aiartist run show {plain(metadata.get('run_id', 'RUN'))}",)
        case "ETAG_MISMATCH" | "REQUEST_ID_REUSED" | "OVERLOADED":
            return ("repeat the command",)
        case "DEPENDENCY_UNAVAILABLE":
            return ("see what is down: aiartist doctor",)
        case "MODELS_EXHAUSTED":
            return ("see which models can be called: aiartist llm status",)
        case "BUDGET_SPENT":
            return (_raise_budget(metadata),)
        case "TARGET_UNAVAILABLE":
            return ("what succeeded stays; mend what it says and repeat the command",)
        case "UNAUTHENTICATED":
            return ("set AIARTIST_TOKEN to a token of AIARTIST_TOKENS",)
        case "ROLE_TOO_LOW":
            return ("set AIARTIST_TOKEN to a token with that role",)
    return ()


def _raise_budget(metadata: Mapping[str, str]) -> str:
    scope, subject = metadata.get("scope", ""), plain(metadata.get("subject", ""))
    if scope == "day":
        return "raise it: aiartist budget set day USD"
    if scope in ("artist", "run") and subject:
        return f"raise it: aiartist budget set {scope} USD --{scope} {subject}"
    return "see which one is spent: aiartist budget"


def _from_the_wire(failure: ServiceFailure) -> Explanation:
    where = f"{failure.service} at {failure.address}"
    code, detail = failure.remote.remote_code, plain(failure.remote.message)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return Explanation(
            (f"{where} did not answer in time; see what is wrong: aiartist doctor",), UNREACHABLE
        )
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return Explanation(
            (f"{where} does not know this call: is AIARTIST_{failure.service.upper()}_ADDR its address?",)
        )
    if code is grpc.StatusCode.UNAVAILABLE:
        if "ssl" in detail.lower() or "handshake" in detail.lower():
            return Explanation(
                (f"cannot reach {where}: TLS failed; is AIARTIST_TLS_CA right for it?", detail), UNREACHABLE
            )
        return Explanation(
            (f"cannot reach {where}: is the platform up? start it with: make up",), UNREACHABLE
        )
    return Explanation((f"{where} failed: {code.name}: {detail}",))
