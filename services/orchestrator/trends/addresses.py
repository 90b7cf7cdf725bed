"""Which addresses charts may be fetched from. Pure."""

from urllib.parse import urlsplit

from services.chassis.settings import is_loopback


def is_allowed(url: str) -> bool:
    """True for https, and for http to this machine itself; without user and password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or port == 0 or parts.username is not None or parts.password is not None:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
