"""Reads and checks `reply_markup`."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.support.fake_telegram.errors import bad_request
from tests.support.fake_telegram.links import checked_link
from tests.support.fake_telegram.records import Button, Json

MAX_BUTTONS = 100
MAX_ROW = 8
MAX_DATA = 64


@dataclass(frozen=True, slots=True)
class Markup:
    """An inline keyboard, or another kind, as it was told; neither for none."""

    buttons: tuple[tuple[Button, ...], ...] = ()
    other: Json = field(default_factory=dict)


def read_markup(told: str) -> Markup:
    """The markup of a request; ApiError where Telegram would refuse it."""
    if not told:
        return Markup()
    try:
        markup = json.loads(told)
    except ValueError:
        raise bad_request("can't parse reply keyboard markup JSON object") from None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if rows := _rows(markup, "keyboard", "ReplyKeyboardMarkup"):
        _check_size(rows)
        return Markup(other=markup)
    if rows := _rows(markup, "inline_keyboard", "InlineKeyboardMarkup"):
        _check_size(rows)
        return Markup(buttons=tuple(tuple(_button(button) for button in row) for row in rows if row))
    if markup.get("remove_keyboard") or markup.get("force_reply"):
        return Markup(other=markup)
    return Markup()


def _rows(markup: dict[str, Any], name: str, kind: str) -> list[list[Any]]:
    rows = markup.get(name, [])
    if not isinstance(rows, list):
        raise bad_request(f'field "{name}" of the {kind} must be an Array')
    if not all(isinstance(row, list) for row in rows):
        raise bad_request(f'field "{name}" of the {kind} must be an Array of Arrays')
    return rows


def _check_size(rows: list[list[Any]]) -> None:
    if sum(map(len, rows)) > MAX_BUTTONS or any(len(row) > MAX_ROW for row in rows):
        raise bad_request("reply markup is too long")


def _button(told: Any) -> Button:
    if not isinstance(told, dict) or not isinstance(told.get("text"), str):
        raise bad_request('can\'t parse inline keyboard button: Field "text" must be of type String')
    text, data, url = told["text"].strip(), str(told.get("callback_data", "")), str(told.get("url", ""))
    if not text:
        raise bad_request("inline keyboard button text must be non-empty")
    if url:
        if not checked_link(url):
            raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
        return Button(text, url=checked_link(url))
    if not data:
        raise bad_request(
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
        )
    if len(data.encode()) > MAX_DATA:
        raise bad_request("BUTTON_DATA_INVALID")
    return Button(text, callback_data=data)
