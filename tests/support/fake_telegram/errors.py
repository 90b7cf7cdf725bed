"""How the Bot API says no, in Telegram's own words."""

from collections.abc import Mapping

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)
QUERY_TOO_OLD = "query is too old and response timeout expired or query ID is invalid"
OTHER_POLLER = "terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK_ACTIVE = (
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)


class ApiError(Exception):
    """A refusal: its HTTP status, which is also its `error_code`, and its description."""

    def __init__(self, code: int, description: str, parameters: Mapping[str, int] | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters or {}

    def body(self) -> dict[str, object]:
        """The answer's JSON."""
        told: dict[str, object] = {"ok": False, "error_code": self.code, "description": self.description}
        return told | ({"parameters": dict(self.parameters)} if self.parameters else {})


def bad_request(text: str) -> ApiError:
    return ApiError(400, f"Bad Request: {text}")


def cant_parse(text: str) -> ApiError:
    return bad_request(f"can't parse entities: {text}")


def forbidden(text: str) -> ApiError:
    return ApiError(403, f"Forbidden: {text}")


def conflict(text: str) -> ApiError:
    return ApiError(409, f"Conflict: {text}")


def not_found() -> ApiError:
    return ApiError(404, "Not Found")


def too_many(retry_after: int) -> ApiError:
    return ApiError(429, f"Too Many Requests: retry after {retry_after}", {"retry_after": retry_after})
