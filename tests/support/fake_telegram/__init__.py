"""A Telegram Bot API server on a real socket: it keeps state, checks what Telegram checks, and can fail.

In a test:

    async with FakeTelegram() as fake:
        ann, chat = fake.person(7, "Ann"), fake.chat(7)
        bot = telegram.Bot(fake.token, base_url=f"{fake.url}/bot", base_file_url=f"{fake.url}/file/bot")
        ...
        message = await fake.wait_for(chat, lambda message: message.buttons)
        query_id = await fake.press(ann, chat, message, "Approve")
        assert (await fake.answer_of(query_id)).text == "Approved"

For other processes: `python -m tests.support.fake_telegram --port N --token T --chat 1`, and
`TelegramProcess`, which drives it.
"""

from tests.support.fake_telegram.behaviours import (
    Behaviour,
    Failure,
    Garbage,
    Hang,
    LostAnswer,
    Refuse,
    Slow,
    Status,
    TooMany,
)
from tests.support.fake_telegram.call import Call
from tests.support.fake_telegram.process import TelegramProcess, telegram_process
from tests.support.fake_telegram.records import Answer, Button, Chat, Entity, Message, Person, Update
from tests.support.fake_telegram.samples import small_mp3, small_picture
from tests.support.fake_telegram.server import TOKEN, Done, FakeTelegram

__all__ = [
    "TOKEN",
    "Answer",
    "Behaviour",
    "Button",
    "Call",
    "Chat",
    "Done",
    "Entity",
    "Failure",
    "FakeTelegram",
    "Garbage",
    "Hang",
    "LostAnswer",
    "Message",
    "Person",
    "Refuse",
    "Slow",
    "Status",
    "TelegramProcess",
    "TooMany",
    "Update",
    "small_mp3",
    "small_picture",
    "telegram_process",
]
