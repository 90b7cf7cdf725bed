"""Asks models why an error happens."""

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import OrchestratorServiceStub
from services.error_analyzer.diagnosis.answers import ANALYSIS_SCHEMA, analysis_of
from services.error_analyzer.diagnosis.asking import ask, prompt
from services.error_analyzer.diagnosis.budget import Budget
from services.error_analyzer.diagnosis.facts import (
    Facts,
    facts_of,
    subject_digest,
    tell_commits,
    tell_context,
    tell_error,
    tell_occurrences,
    tell_spot,
)
from services.error_analyzer.diagnosis.source import SourceReader
from services.error_analyzer.domain import Analysis

ROLE = "analyst"
MAX_TOKENS = 6_000
"""Of an answer; some models think aloud in them."""


class Analyst:
    """Explains error groups. `tokens`: of logs, source and commits in a question at most, by estimate."""

    def __init__(self, models: OrchestratorServiceStub, source: SourceReader | None, *, tokens: int) -> None:
        self._models = models
        self._source = source
        self._tokens = tokens

    async def digest(self, group: db.ErrorGroup) -> str:
        """SHA-256 (hex) of what an analysis is made from: the error's shape and the source around it.

        It holds no line number, time or count. Where it is as before, there is nothing new to explain.
        """
        return subject_digest(await facts_of(group, self._source))

    async def analyze(self, group: db.ErrorGroup, *, attempt_id: str) -> Analysis:
        """Why the group's errors happen, as far as models know and the evidence is really there.

        Raises UnusableAnswer, ModelsSilent or ModelsAway. The same attempt at the same group is paid once.
        """
        facts = await facts_of(group, self._source)
        budget = await question_about(facts, self._tokens)
        answered = await ask(
            self._models,
            ROLE,
            prompt("analyst"),
            budget.materials,
            ANALYSIS_SCHEMA,
            attempt_id=attempt_id,
            max_tokens=MAX_TOKENS,
        )
        return await analysis_of(answered.text, facts, answered.asked)


async def question_about(facts: Facts, tokens: int) -> Budget:
    """What an analyst is shown, the most important first.

    Each kind has a share; what it does not use is left for the next.
    """
    budget = Budget(tokens)
    # The longest line of a log fits, also in the smallest budget.
    tell_error(facts, budget, max(tokens // 4, 650))
    for spot in facts.spots[:1]:
        tell_spot(spot, budget, tokens * 2 // 5)
    tell_occurrences(facts, budget, (tokens // 5, tokens // 10, tokens // 10))
    for spot in facts.spots[1:]:
        tell_spot(spot, budget, max(tokens // 8, budget.left // 2))
    await tell_commits(facts, budget, tokens // 8)
    tell_context(facts, budget, tokens // 8)
    return budget
