"""What Telegram takes for a link."""

import re
from urllib.parse import parse_qs, urlsplit

_SCHEMES = ("http", "https", "ftp", "tg", "ton", "tonsite")


def checked_link(url: str) -> str:
    """The address as Telegram keeps it; empty where it is none, such as a host without a dot."""
    url = url.strip()
    if not url or re.search(r"[\s\"<>]", url):
        return ""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host = parts.hostname or ""
    except ValueError:
        return ""
    if parts.scheme not in _SCHEMES:
        return ""
    if parts.scheme in ("tg", "ton"):
        return url if host else ""
    if "." not in host.strip("."):
        return ""
    return parts._replace(path=parts.path or "/").geturl()


def mentioned_user(url: str) -> int:
    """The user of a `tg://user?id=` link; 0 for any other."""
    if not url.startswith("tg://user?"):
        return 0
    told = parse_qs(urlsplit(url).query).get("id", [""])[0]
    return int(told) if told.isdecimal() else 0
