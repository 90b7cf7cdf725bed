"""What operators are told, through notifier: that models fail, and that budgets go down."""

from collections.abc import Sequence

from aiartist.notifier.v1 import notifier_pb2 as pb
from services.chassis import telling
from services.orchestrator.domain import REFUSED, Attempt
from services.orchestrator.models.catalog import Model

EXHAUSTED_EVERY_S = 60.0


class Teller(telling.Teller):
    """Says once a cool-down that a model failed, not once a call, and once that a budget goes down."""

    def failed(self, role: str, model: Model, attempt: Attempt) -> None:
        """A model gave no usable answer, and the next of the list is asked."""
        wait_s = model.bench_s if attempt.outcome in REFUSED else model.cooldown_s
        must_act = attempt.outcome in REFUSED
        self.tell(
            f"model {model.name}{' benched' if must_act else ''}",
            wait_s,
            pb.NotifyRequest(
                severity=pb.SEVERITY_ERROR if must_act else pb.SEVERITY_WARNING,
                topic=pb.TOPIC_FALLBACK,
                title=f"Model {model.name} failed: {attempt.outcome}",
                body=f"The role {role} goes on with the next model of its list.\n{attempt.detail}"
                + (f"\nCheck {model.api_key_env or 'its settings'}." if must_act else ""),
            ),
        )

    def exhausted(self, role: str, attempts: Sequence[Attempt]) -> None:
        """No model of a role's list gave a usable answer."""
        told = "\n".join(f"{attempt.model}: {attempt.outcome} {attempt.detail}" for attempt in attempts)
        self.tell(
            f"role {role}",
            EXHAUSTED_EVERY_S,
            pb.NotifyRequest(
                severity=pb.SEVERITY_ERROR,
                topic=pb.TOPIC_FALLBACK,
                title=f"No model answers for the role {role}",
                body=told or "None is available: see aiartist llm status.",
            ),
        )
