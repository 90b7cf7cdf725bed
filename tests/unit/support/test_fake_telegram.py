"""The double of Telegram: messages, buttons, files and their checks, as python-telegram-bot meets them."""

import json
from typing import Any

import httpx
import pytest
from telegram import (
    Bot,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaAudio,
    LinkPreviewOptions,
    MessageEntity,
    ReplyKeyboardRemove,
    ReplyParameters,
)
from telegram.error import BadRequest, Forbidden, InvalidToken, NetworkError

from tests.support.fake_telegram import FakeTelegram, small_mp3, small_picture

NOT_MODIFIED = (
    "Message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)


def keyboard(*rows: str) -> InlineKeyboardMarkup:
    """Rows of `Label=data`, divided by spaces."""
    buttons = [[one.split("=") for one in row.split()] for row in rows]
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(a, callback_data=b) for a, b in row] for row in buttons]
    )


async def test_a_message_is_kept_as_it_was_sent(fake: FakeTelegram, bot: Bot) -> None:
    first = await bot.send_message(7, "the first", disable_notification=True)
    sent = await bot.send_message(
        7,
        "<b>Two</b> &amp; three",
        parse_mode="HTML",
        reply_markup=keyboard("Yes=y:1 No=n:1", "Later=l"),
        reply_parameters=ReplyParameters(first.message_id),
        link_preview_options=LinkPreviewOptions(is_disabled=True),
    )
    assert (sent.text, sent.parse_entities()) == ("Two & three", {sent.entities[0]: "Two"})
    assert sent.reply_to_message is not None
    assert sent.reply_to_message.message_id == first.message_id
    silent, kept = fake.messages(7)
    assert (silent.disable_notification, kept.disable_notification) == (True, False)
    assert (kept.text, kept.covered("bold"), kept.parse_mode) == ("Two & three", ("Two",), "HTML")
    assert kept.labels == ("Yes", "No", "Later")
    assert kept.button("l").text == "Later"
    assert (kept.reply_to, kept.from_bot, kept.link_preview_options) == (
        first.message_id,
        True,
        {"is_disabled": True},
    )


async def test_private_chats_share_message_ids_and_each_group_has_its_own(
    fake: FakeTelegram, bot: Bot
) -> None:
    fake.chat(8)
    said = await fake.say(7, 7, "hello")
    ids = [(await bot.send_message(chat, "x")).message_id for chat in (7, 8, -100, -100, 7)]
    assert [said.message_id, *ids] == [1, 2, 3, 1, 2, 4]


@pytest.mark.parametrize(
    ("told", "error"),
    [
        ({"text": ""}, "Message text is empty"),
        ({"text": " \n "}, "Text must be non-empty"),
        ({"text": "x" * 4097}, "Message is too long"),
        ({"text": "🎵" * 2049}, "Message is too long"),
        ({"text": "x", "chat_id": 99}, "Chat not found"),
        ({"text": "x", "parse_mode": "nonsense"}, "Unsupported parse_mode"),
        ({"text": "x", "reply_markup": keyboard("A=" + "d" * 65)}, "Button_data_invalid"),
        ({"text": "x", "reply_markup": keyboard("A=" + "é" * 33)}, "Button_data_invalid"),
        ({"text": "x", "reply_markup": keyboard(*["A=a"] * 101)}, "Reply markup is too long"),
        ({"text": "x", "reply_markup": keyboard("A=a " * 9)}, "Reply markup is too long"),
        ({"text": "x", "reply_parameters": ReplyParameters(5)}, "Message to be replied not found"),
        ({"text": "x", "reply_markup": keyboard("=a")}, "Inline keyboard button text must be non-empty"),
        (
            {"text": "x", "reply_markup": InlineKeyboardMarkup([[InlineKeyboardButton("A", "http://label/")]])},
            "Inline keyboard button url 'http://label/' is invalid: wrong http url",
        ),
    ],
)  # fmt: skip
async def test_a_message_that_telegram_would_not_take_is_refused(
    fake: FakeTelegram, bot: Bot, told: dict[str, Any], error: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        await bot.send_message(**{"chat_id": 7, **told})
    # PTB capitalises what it tells; the words are Telegram's.
    assert refused.value.message.lower() == error.lower()
    assert fake.messages(7) == []


async def test_a_message_at_its_limits_is_taken(fake: FakeTelegram, bot: Bot) -> None:
    full = keyboard(*["A=" + "d" * 64 + " B=b" * 7] * 12, "A=a B=b C=c D=d")
    await bot.send_message(7, "🎵" * 2048, reply_markup=full)
    await bot.send_message(7, "<b>" + "x" * 4096 + "</b>", parse_mode="HTML")
    await bot.send_message(7, "x", reply_parameters=ReplyParameters(99, allow_sending_without_reply=True))
    first, second, third = fake.messages(7)
    assert (len(first.labels), len(second.text), third.reply_to) == (100, 4096, None)


async def test_telegrams_words_are_in_the_answer_as_they_are(fake: FakeTelegram) -> None:
    async with httpx.AsyncClient(base_url=fake.url, trust_env=False) as client:

        async def ask(token: str, method: str, **told: object) -> tuple[int, Any]:
            answer = await client.post(f"/bot{token}/{method}", json=told)
            return answer.status_code, answer.json()

        status, told = await ask(
            fake.token, "SENDMESSAGE", chat_id=7, text="x", reply_markup={"inline_keyboard": []}
        )
        assert (status, told["ok"], told["result"]["text"]) == (200, True, "x")
        buttons = {"inline_keyboard": [[{"text": "A", "callback_data": "x" * 65}]]}
        text = {"chat_id": 7, "text": "x"}
        for method, parameters, description in (
            ("sendMessage", text | {"chat_id": 99}, "chat not found"),
            ("sendMessage", text | {"chat_id": ""}, "chat_id is empty"),
            ("sendMessage", text | {"reply_markup": buttons}, "BUTTON_DATA_INVALID"),
            ("editMessageText", text | {"message_id": 9}, "message to edit not found"),
            ("editMessageText", text | {"message_id": 1}, f"m{NOT_MODIFIED[1:]}"),
            ("sendPhoto", {"chat_id": 7}, "there is no photo in the request"),
        ):
            refused = {"ok": False, "error_code": 400, "description": f"Bad Request: {description}"}
            assert await ask(fake.token, method, **parameters) == (400, refused)
        unauthorized = {"ok": False, "error_code": 401, "description": "Unauthorized"}
        not_found = {"ok": False, "error_code": 404, "description": "Not Found"}
        assert await ask("1:wrong", "getMe") == (401, unauthorized)
        assert await ask("wrong", "getMe") == (404, not_found)
        assert await ask(fake.token, "getTea") == (404, not_found)
        form = await client.post(f"/bot{fake.token}/sendMessage", data={"chat_id": "7", "text": "a form"})
        assert form.json()["result"]["text"] == "a form"
        assert (await client.get(f"/file/bot{fake.token}/music/none")).json() == not_found


async def test_a_wrong_token_stops_the_bot_at_its_start(fake: FakeTelegram) -> None:
    with pytest.raises(InvalidToken):
        async with Bot("42:wrong", base_url=f"{fake.url}/bot"):
            pytest.fail("it was let in")


async def test_audio_is_sent_with_its_tags_and_thumbnail_and_again_by_its_id(
    fake: FakeTelegram, bot: Bot
) -> None:
    song, cover = small_mp3(2), small_picture(320, 320)
    sent = await bot.send_audio(
        7, song, title="Seven Lanterns", performer="Neon", duration=2, thumbnail=cover, filename="seven.mp3",
        caption="<i>a take</i>", parse_mode="HTML", reply_markup=keyboard("Yes=y"),
    )  # fmt: skip
    assert sent.audio is not None
    assert sent.audio.thumbnail is not None
    assert (sent.audio.thumbnail.width, sent.audio.mime_type) == (320, "audio/mpeg")
    await bot.send_audio(-100, sent.audio.file_id, title="is not read")
    (kept,), (again,) = fake.messages(7), fake.messages(-100)
    assert (kept.audio, kept.thumbnail, kept.title, kept.performer) == (song, cover, "Seven Lanterns", "Neon")
    assert (kept.duration, kept.caption, kept.covered("italic"), kept.text) == (2, "a take", ("a take",), "")
    assert (again.audio, again.title) == (song, "Seven Lanterns")
    file = await bot.get_file(sent.audio.file_id)
    assert bytes(await file.download_as_bytearray()) == song
    with pytest.raises(BadRequest, match="Can't use file of type audio as photo"):
        await bot.send_photo(7, sent.audio.file_id)


@pytest.mark.parametrize(
    ("method", "content", "error"),
    [
        ("photo", b"", "File must be non-empty"),
        ("photo", b"no picture", "Image_process_failed"),
        ("photo", small_picture(kind="GIF"), "Image_process_failed"),
        ("photo", small_picture(1000)[:-300], "Image_process_failed"),
        ("photo", small_picture(9000, 1001), "Photo_invalid_dimensions"),
        ("photo", small_picture(2100, 100), "Photo_invalid_dimensions"),
        ("photo", small_picture() + bytes(10 * 1024 * 1024), "too big for a photo"),
        ("audio", b"RIFF....WAVEfmt ", "neither MP3 nor M4A"),
        ("audio", b"\xff\xfb\x90\xc4 and no other frame", "neither MP3 nor M4A"),
        ("audio", b"ID3 and nothing else", "neither MP3 nor M4A"),
    ],
)
async def test_a_file_that_telegram_would_not_show_is_refused(
    fake: FakeTelegram, bot: Bot, method: str, content: bytes, error: str
) -> None:
    with pytest.raises(BadRequest, match=f"(?i){error}"):
        await (bot.send_photo(7, content) if method == "photo" else bot.send_audio(7, content))
    assert fake.messages(7) == []


async def test_real_files_are_taken_and_too_large_ones_are_not(fake: FakeTelegram, bot: Bot) -> None:
    m4a = b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42" + b"....moov....hdlr........soun"
    tagged = b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + small_mp3()
    for song in (m4a, tagged):
        await bot.send_audio(7, song)
    for picture in (small_picture(kind="PNG"), small_picture(5000, 5000)):
        await bot.send_photo(7, picture)
    with pytest.raises(NetworkError, match="Request Entity Too Large"):
        await bot.send_document(7, bytes(50 * 1024 * 1024 + 1))
    assert [message.audio for message in fake.messages(7)[:2]] == [m4a, tagged]
    assert len(fake.messages(7)) == 4


async def test_any_audio_is_taken_where_that_is_said() -> None:
    async with FakeTelegram(strict_audio=False) as fake, Bot(fake.token, base_url=f"{fake.url}/bot") as bot:
        fake.chat(7)
        await bot.send_audio(7, b"any")
        assert fake.messages(7)[0].audio == b"any"


@pytest.mark.parametrize(
    ("thumbnail", "error"),
    [
        (small_picture(321, 10), "larger than 320"),
        (small_picture(kind="PNG"), "IMAGE_PROCESS_FAILED"),
        (small_picture() + bytes(200 * 1024), "too big for a thumbnail"),
    ],
)
async def test_a_thumbnail_is_a_small_jpeg(bot: Bot, thumbnail: bytes, error: str) -> None:
    with pytest.raises(BadRequest, match=f"(?i){error}"):
        await bot.send_audio(7, small_mp3(), thumbnail=thumbnail)


async def test_a_caption_has_a_limit_of_its_own(fake: FakeTelegram, bot: Bot) -> None:
    await bot.send_photo(7, small_picture(), caption="x" * 1024)
    with pytest.raises(BadRequest, match="Message caption is too long"):
        await bot.send_photo(7, small_picture(), caption="x" * 1025)
    with pytest.raises(BadRequest, match="Message caption is too long"):
        await bot.edit_message_caption(7, 1, caption="x" * 1025)
    assert [len(message.caption) for message in fake.messages(7)] == [1024]


async def test_an_edit_keeps_what_was_and_takes_buttons_away_unless_it_has_some(
    fake: FakeTelegram, bot: Bot
) -> None:
    sent = await bot.send_message(7, "one", reply_markup=keyboard("A=a"))
    await bot.edit_message_text("two", 7, sent.message_id, reply_markup=keyboard("A=a"))
    with pytest.raises(BadRequest, match=NOT_MODIFIED):
        await bot.edit_message_text("two", 7, sent.message_id, reply_markup=keyboard("A=a"))
    edited = await bot.edit_message_text("two", 7, sent.message_id)
    with pytest.raises(BadRequest, match=NOT_MODIFIED):
        await bot.edit_message_reply_markup(7, sent.message_id)
    await bot.edit_message_reply_markup(7, sent.message_id, reply_markup=keyboard("B=b"))
    (kept,) = fake.messages(7)
    assert not isinstance(edited, bool)
    assert edited.edit_date is not None
    assert (kept.text, kept.labels, kept.edits) == ("two", ("B",), 3)
    assert [(before.text, before.labels) for before in kept.history] == [
        ("one", ("A",)),
        ("two", ("A",)),
        ("two", ()),
    ]


async def test_media_is_exchanged_with_its_caption(fake: FakeTelegram, bot: Bot) -> None:
    sent = await bot.send_photo(7, small_picture(), caption="the cover")
    media = InputMediaAudio(
        small_mp3(),
        caption="<b>take 2</b>",
        parse_mode="HTML",
        thumbnail=small_picture(),
        title="T",
        duration=4,
    )
    await bot.edit_message_media(media, 7, sent.message_id, reply_markup=keyboard("A=a"))
    await bot.edit_message_caption(7, sent.message_id, caption="take 3")
    (kept,) = fake.messages(7)
    assert (kept.photo, kept.audio, kept.title, kept.duration) == (None, small_mp3(), "T", 4)
    assert kept.thumbnail == small_picture()
    assert [(one.caption, one.labels) for one in (*kept.history, kept)] == [
        ("the cover", ()),
        ("take 2", ("A",)),
        ("take 3", ()),
    ]


async def test_only_the_right_message_can_be_edited(fake: FakeTelegram, bot: Bot) -> None:
    said = await fake.say(7, 7, "mine")
    asked = await bot.send_message(7, "why?", reply_markup=ForceReply(selective=True))
    gone = await bot.send_message(7, "no keyboard", reply_markup=ReplyKeyboardRemove())
    text, photo = await bot.send_message(7, "text"), await bot.send_photo(7, small_picture())
    for message_id, error in (
        (said.message_id, "Message can't be edited"),
        (asked.message_id, "Message can't be edited"),
        (gone.message_id, "Message can't be edited"),
        (photo.message_id, "There is no text in the message to edit"),
        (99, "Message to edit not found"),
    ):
        with pytest.raises(BadRequest, match=error):
            await bot.edit_message_text("x", 7, message_id)
    with pytest.raises(BadRequest, match="There is no caption in the message to edit"):
        await bot.edit_message_caption(7, text.message_id, caption="x")
    assert fake.messages(7)[1].markup == {"force_reply": True, "selective": True}
    assert not any(message.edits for message in fake.messages(7))


async def test_a_message_is_deleted_once_and_not_a_persons_in_a_group(fake: FakeTelegram, bot: Bot) -> None:
    sent = await bot.send_message(-100, "x")
    assert await bot.delete_message(-100, sent.message_id)
    with pytest.raises(BadRequest, match="Message to delete not found"):
        await bot.delete_message(-100, sent.message_id)
    with pytest.raises(BadRequest, match="Message can't be deleted"):
        await bot.delete_message(-100, (await fake.say(7, -100, "mine")).message_id)
    assert [message.text for message in fake.deleted(-100)] == ["x"]


async def test_a_bot_writes_only_where_it_may(fake: FakeTelegram, bot: Bot) -> None:
    fake.person(9, "Bob")
    with pytest.raises(Forbidden, match="bot can't initiate conversation with a user"):
        await bot.send_message(9, "x")
    await fake.say(9, 9, "/start")
    await bot.send_message(9, "x")
    fake.block(9)
    with pytest.raises(Forbidden, match="bot was blocked by the user"):
        await bot.send_message(9, "y")
    fake.unblock(9)
    await bot.send_message(9, "z")
    assert [message.text for message in fake.messages(9)] == ["/start", "x", "z"]


async def test_the_bot_tells_of_itself_its_chats_and_commands(fake: FakeTelegram, bot: Bot) -> None:
    me = await bot.get_me()
    assert (me.id, me.is_bot, me.can_read_all_group_messages) == (4242424242, True, False)
    private, group = await bot.get_chat(7), await bot.get_chat(-100)
    assert (private.first_name, private.username) == ("Ann", "ann_of_the_label")
    assert (group.type, group.title) == ("group", "Our label")
    await bot.set_my_commands([("start", "Begin"), ("runs", "What runs")])
    assert [command.command for command in await bot.get_my_commands()] == ["start", "runs"]
    assert [*fake.commands.values()] == [
        [{"command": "start", "description": "Begin"}, {"command": "runs", "description": "What runs"}]
    ]
    with pytest.raises(BadRequest, match="Bot_command_invalid"):
        await bot.set_my_commands([("Start", "Begin")])
    assert await bot.send_chat_action(7, "upload_document")
    with pytest.raises(BadRequest, match="Wrong parameter action in request"):
        await bot.send_chat_action(7, "dancing")
    assert fake.actions == ((7, "upload_document"),)


async def test_entities_may_be_told_instead_of_markup(fake: FakeTelegram, bot: Bot) -> None:
    entities = [
        MessageEntity("bold", 3, 3),
        MessageEntity("text_link", 0, 2, url="https://label.example/song"),
    ]
    sent = await bot.send_message(7, "🎵 abc <b>", entities=entities)
    (kept,) = fake.messages(7)
    assert (kept.text, kept.covered("text_link"), kept.covered("bold")) == ("🎵 abc <b>", ("🎵",), ("abc",))
    assert json.loads(sent.to_json())["entities"][0]["url"] == "https://label.example/song"
