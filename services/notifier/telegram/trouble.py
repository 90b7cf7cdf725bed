"""What may go wrong with a call of the Bot API, sorted by what is to be done about it.

Trouble
├── Later        not done: too many calls, again after `retry_after_s`
├── Unreachable  not done: nobody answers, again a little later
├── Unsure       nobody knows: it may have been done
├── Refused      not done, and never will be as it is
│   ├── NotModified   it is as wanted already
│   └── Gone          the message is not there, or not ours to change
├── ChatClosed   not done: the chat does not take us
├── WrongToken   not done: the token is not known
└── Conflict     not done: somebody else polls, or a webhook is set
"""


class Trouble(Exception):
    """A call of the Bot API failed."""


class Later(Trouble):
    """Not done: again after `retry_after_s` seconds."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__(f"too many calls: again in {retry_after_s:.0f} s")
        self.retry_after_s = retry_after_s


class Unreachable(Trouble):
    """Not done: Telegram was not reached."""


class Unsure(Trouble):
    """It may have been done: the answer was lost, late or of no use."""


class Refused(Trouble):
    """Not done: Telegram does not take it as it is."""


class NotModified(Refused):
    """The message is as wanted already."""


class Gone(Refused):
    """The message is not there, or is not the bot's."""


class ChatClosed(Trouble):
    """Not done: there is no such chat for the bot, or it was blocked, removed or muted."""


class WrongToken(Trouble):
    """Not done: Telegram does not know the token."""


class Conflict(Trouble):
    """Not done: another process polls with this token, or a webhook is set."""
