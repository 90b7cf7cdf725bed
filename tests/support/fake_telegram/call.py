"""A request of the bot: its method, its parameters, and the files that came with it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from tests.support.fake_telegram.errors import bad_request
from tests.support.fake_telegram.media import check_upload


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was uploaded."""

    content: bytes = field(repr=False)
    name: str = ""
    mime_type: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """All parameters are text, those that are no text as JSON."""

    method: str
    params: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Empty where it was not told."""
        return self.params.get(name, "")

    def flag(self, name: str) -> bool:
        return self.text(name).strip().lower() in ("true", "yes", "1")

    def number(self, name: str, default: int = 0, least: int = -(2**63), most: int = 2**63) -> int:
        """Within the limits, whatever was told; what is no number counts as the default."""
        try:
            told = int(self.text(name))
        except ValueError:
            told = default
        return min(max(told, least), most)

    def json(self, name: str) -> Any:
        """None where it was not told; ApiError for what is no JSON."""
        if not self.text(name):
            return None
        try:
            return json.loads(self.text(name))
        except ValueError:
            raise bad_request(f"can't parse {name} JSON object") from None

    def upload(self, name: str, value: str | None = None) -> Upload | None:
        """The file of this part, or the one to which `attach://` in the value leads."""
        value = self.text(name) if value is None else value
        part = value.removeprefix("attach://") if value.startswith("attach://") else name
        found = self.files.get(part)
        if found is not None:
            check_upload(found.content)
        return found


async def read_call(method: str, request: web.Request) -> Call:
    """Reads the body: JSON, a form or multipart; parameters may also be in the address."""
    params = dict(request.query)
    files: dict[str, Upload] = {}
    if request.content_type.startswith("multipart/"):
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader), "Telegram takes no multipart within multipart"
            content = bytes(await part.read())
            if part.filename is None:
                params[part.name or ""] = _decoded(content)
            else:
                files[part.name or ""] = Upload(content, part.filename, part.headers.get("Content-Type", ""))
    elif request.content_type == "application/json":
        params |= _of_json(_decoded(await request.read()))
    elif request.content_type == "application/x-www-form-urlencoded":
        params |= {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    return Call(method, params, files)


def _decoded(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise bad_request("strings must be encoded in UTF-8") from None


def _of_json(body: str) -> dict[str, str]:
    try:
        told = json.loads(body or "{}")
    except ValueError:
        raise bad_request("can't parse request JSON object") from None
    if not isinstance(told, dict):
        raise bad_request("request must be an Object")
    params = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in told.items()
        if value is not None
    }
    try:
        "".join(params.values()).encode()
    except UnicodeEncodeError:
        raise bad_request("strings must be encoded in UTF-8") from None
    return params
