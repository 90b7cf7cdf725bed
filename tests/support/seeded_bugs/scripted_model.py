"""A model that knows the seeded bugs, behind a real socket; it answers right, or as it is told."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.support.fake_upstream import Asked, Behaviour, FakeUpstream, Raw, Say
from tests.support.seeded_bugs.bug import Bug

Role = Literal["analyst", "engineer"]
_MODELS = """
[models.analyst]
litellm_model = "openai/analyst"
api_base = "{url}"
plan = "large"
json_mode = "schema"
direct = true
free = true
context_tokens = 100000
max_output_tokens = 32000
timeout_s = {timeout_s}
failures = 100
cooldown_s = 0.001
bench_s = 0.001

[models.engineer]
litellm_model = "openai/engineer"
api_base = "{url}"
plan = "large"
json_mode = "schema"
direct = true
free = true
context_tokens = 100000
max_output_tokens = 32000
timeout_s = {timeout_s}
failures = 100
cooldown_s = 0.001
bench_s = 0.001

[roles.analyst]
models = ["analyst"]

[roles.engineer]
models = ["engineer"]
"""


@dataclass(frozen=True, slots=True)
class Wrong:
    """One way not to answer as one should, about one bug."""

    name: str
    role: Role
    bug: str
    does: Behaviour
    reason: str
    """Stands in the reason of the report that comes of it, in small letters."""
    shown: str = ""
    """Stands in what its tests printed."""


@dataclass(slots=True)
class ScriptedModel:
    """Answers right where nothing wrong is planned for the bug and the role."""

    bugs: Sequence[Bug]
    wrong: Mapping[tuple[str, Role], Behaviour] = field(default_factory=dict)
    asked: Counter[tuple[str, Role]] = field(default_factory=Counter)
    """How often it was asked about which bug, and as what."""
    shown: dict[tuple[str, Role], str] = field(default_factory=dict)
    """The last question about each bug, as each role."""

    async def act(self, upstream: FakeUpstream, asked: Asked, writer: asyncio.StreamWriter) -> None:
        question = "\n".join(str(message["content"]) for message in asked.body["messages"])
        about = bug_in(question, self.bugs)
        role: Role = "engineer" if asked.model == "engineer" else "analyst"
        if about is None:
            # As a model that can't tell what it is about.
            await Raw("I do not know.").act(upstream, asked, writer)
            return
        self.asked[about.id, role] += 1
        self.shown[about.id, role] = question
        right = about.fix() if role == "engineer" else about.analysis()
        does = self.wrong.get((about.id, role), Say(json.dumps(right)))
        await does.act(upstream, asked, writer)


def bug_in(question: str, bugs: Sequence[Bug]) -> Bug | None:
    """The one bug that a question is about; None where it is about none, or one can't tell."""
    found = [bug for bug in bugs if re.search(rf"\b{re.escape(bug.function)}\b", question)]
    return found[0] if len(found) == 1 else None


@asynccontextmanager
async def scripted_model(bugs: Sequence[Bug], wrong: Sequence[Wrong] = ()) -> AsyncIterator["RunningModel"]:
    """The model while the block runs."""
    model = ScriptedModel(bugs, {(one.bug, one.role): one.does for one in wrong})
    async with FakeUpstream(remembers=False) as upstream:
        upstream.usual = {"analyst": model, "engineer": model}
        yield RunningModel(model, upstream.url)


@dataclass(frozen=True, slots=True)
class RunningModel:
    """The model and where it is."""

    model: ScriptedModel
    url: str

    def models_file(self, folder: Path, timeout_s: float = 20) -> Path:
        """A models file for orchestrator, with the two roles; `timeout_s`: how long an answer may take."""
        file = folder / "models.toml"
        file.write_text(_MODELS.format(url=self.url, timeout_s=timeout_s), encoding="utf-8")
        return file
