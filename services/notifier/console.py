"""The console channel: one structured log line for each message."""

from services.chassis.logs import get_logger
from services.notifier.domain import Message, Severity, expiry, how_to_decide, review_doubts, review_facts

_log = get_logger("notifier.console")


class ConsoleChannel:
    """Says everything in the log."""

    name = "console"

    async def deliver(self, message: Message) -> None:
        """Writes the line; never fails."""
        draft = message.draft
        about = {"message_id": message.id, "run_id": draft.run_id, "artist_id": draft.artist_id}
        request = draft.approval
        if request is None:
            # Never at level error: that is for faults of the platform, which error_analyzer collects.
            say = _log.info if draft.severity is Severity.INFO else _log.warning
            say(
                "notice",
                severity=draft.severity.value,
                title=draft.title,
                body=draft.body,
                **{name: value for name, value in {**about, "subject_id": draft.subject_id}.items() if value},
            )
            return
        expires_at = expiry(request)
        _log.info(
            "approval requested",
            **about,
            title=request.title,
            artist=request.artist_name,
            review=review_facts(request.review),
            doubts=review_doubts(request.review),
            audio=request.audio.path,
            content_digest=request.content_digest,
            expires_at=expires_at.isoformat() if expires_at is not None else None,
            **how_to_decide(draft.run_id),
        )
