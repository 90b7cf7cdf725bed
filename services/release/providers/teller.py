"""What operators are told, through notifier: that music providers fail, and that budgets go down."""

from collections.abc import Sequence

from aiartist.notifier.v1 import notifier_pb2 as pb
from services.chassis import telling
from services.release.providers.provider import REFUSED, ProviderError

EXHAUSTED_EVERY_S = 60.0


class Teller(telling.Teller):
    """Says once a cool-down that a provider failed, not once a take."""

    def failed(self, provider: str, error: ProviderError, quiet_s: float) -> None:
        """A provider gave no song, and the next of the list is asked."""
        must_act = error.outcome in REFUSED
        self.tell(
            f"music provider {provider}{' benched' if must_act else ''}",
            quiet_s,
            pb.NotifyRequest(
                severity=pb.SEVERITY_ERROR if must_act else pb.SEVERITY_WARNING,
                topic=pb.TOPIC_FALLBACK,
                title=f"Music provider {provider} failed: {error.outcome}",
                body=f"Takes go on with the next provider of the list.\n{error.detail}"
                + (f"\nCheck AIARTIST_{provider.upper()}_URL and its key." if must_act else ""),
            ),
        )

    def exhausted(self, attempts: Sequence[tuple[str, ProviderError]]) -> None:
        """No provider gave a song."""
        told = "\n".join(f"{provider}: {error.outcome} {error.detail}" for provider, error in attempts)
        self.tell(
            "music providers",
            EXHAUSTED_EVERY_S,
            pb.NotifyRequest(
                severity=pb.SEVERITY_ERROR,
                topic=pb.TOPIC_FALLBACK,
                title="No music provider gives a song",
                body=told or "See aiartist provider list.",
            ),
        )
