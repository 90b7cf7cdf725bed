"""What doctor looks at of music providers: the settings, and whether each remote one answers and is paid for.

The settings are read with the release service's own code, so that what passes here is what the service takes.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
from pydantic import SecretStr, ValidationError

from cli.checks import Check
from cli.texts import plain
from services.chassis.settings import is_loopback
from services.release.settings import Settings

TIMEOUT_S = 5.0
_MUSIC = ("AIARTIST_MUSIC_", "AIARTIST_ACESTEP_", "AIARTIST_SUNO_")


async def music_checks() -> Sequence[Check]:
    """A line for each provider of the list; what is wrong with the settings instead, where something is."""
    try:
        settings = Settings()
    except ValidationError as error:
        return _wrong(error)
    return await asyncio.gather(*(_provider(name, settings) for name in settings.music_providers))


def _wrong(error: ValidationError) -> list[Check]:
    """Only what is about music: the rest is told elsewhere, or at the service's start."""
    told = [
        (str(problem["loc"][0]) if problem["loc"] else "", problem["msg"].removeprefix("Value error, "))
        for problem in error.errors()
    ]
    lines = [f"AIARTIST_{field.upper()}: {text}" if field else text for field, text in told]
    return [
        Check("music providers", "fail", line, "correct it, or unset it")
        for line in lines
        if line.startswith(_MUSIC)
    ]


async def _provider(name: str, settings: Settings) -> Check:
    label = f"music provider {name}"
    if name == "acestep":
        return await _acestep(label, settings.acestep_url, settings.acestep_api_key)
    if name == "suno":
        return await _suno(label, settings.suno_url, settings.suno_api_key)
    return Check(label, "pass", "is always there")


async def _acestep(label: str, url: str, key: SecretStr | None) -> Check:
    """Whether the server is up, and takes the key."""
    try:
        answer = await _asked(url, "GET", "/health", key)
        if answer.status_code == 200:
            # Health asks for no key; this does, and changes nothing.
            answer = await _asked(url, "POST", "/query_result", key, json={"task_id_list": []})
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return _away(label, url, error, "AIARTIST_ACESTEP_URL")
    if answer.status_code in (401, 403):
        return Check(label, "fail", f"{url} refuses the key", "correct AIARTIST_ACESTEP_API_KEY")
    if answer.status_code != 200:
        detail = f"{url} answers {answer.status_code}"
        return Check(label, "fail", detail, "see its log, or correct AIARTIST_ACESTEP_URL")
    return Check(label, "pass", f"answers at {url}")


async def _suno(label: str, url: str, key: SecretStr | None) -> Check:
    """Whether the service takes the key, and has credit left."""
    try:
        answer = await _asked(url, "GET", "/api/v1/generate/credit", key)
        told = answer.json()
        code, credit = int(told["code"]), told["data"]
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return _away(label, url, error, "AIARTIST_SUNO_URL")
    except (ValueError, KeyError, TypeError):
        detail = f"{url} does not tell of credit, but answers {answer.status_code}"
        if answer.status_code in (401, 403):
            return _refused(label, url)
        return Check(label, "warn", detail, "see whether AIARTIST_SUNO_URL is right; not every service tells")
    if code == 401:
        return _refused(label, url)
    if code != 200:
        detail = f"{url} answers code {code}: {plain(str(told.get('msg', '')))}"
        return Check(label, "warn", detail, "try again a little later")
    if isinstance(credit, int | float) and credit <= 0:
        return Check(label, "fail", f"{url} has no credit left", "buy some, or take suno off the list")
    return Check(label, "pass", f"{url}, credit left: {plain(str(credit))}")


def _refused(label: str, url: str) -> Check:
    return Check(label, "fail", f"{url} refuses the key", "correct AIARTIST_SUNO_API_KEY")


def _away(label: str, url: str, error: Exception, variable: str) -> Check:
    detail = f"no answer from {url}: {plain(str(error)) or type(error).__name__}"
    return Check(label, "fail", detail, f"start it, or correct {variable}; others of the list make the takes")


async def _asked(url: str, method: str, path: str, key: SecretStr | None, **more: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key is not None else {}
    host = httpx.URL(url).host
    async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=not is_loopback(host)) as client:
        return await client.request(method, f"{url}{path}", headers=headers, **more)
