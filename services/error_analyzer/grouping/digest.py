"""How a fingerprint is made of what tells one error from another."""

import hashlib

FINGERPRINT_DIGITS = 32


def fingerprint_of(*parts: str) -> str:
    """32 hex digits; each part's length stands before it, so that no two lists of parts are one."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:FINGERPRINT_DIGITS]


def line_fingerprint(template: str) -> str:
    """Of all lines of a template."""
    return fingerprint_of("line", template)
