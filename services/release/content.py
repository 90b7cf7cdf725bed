"""What a decision is about."""

import hashlib

from aiartist.common.v1 import brief_pb2


def content_digest(master_sha256: str, cover_sha256: str, brief: brief_pb2.Brief) -> str:
    """SHA-256 over a take's content, as `sha256:` and 64 hex digits.

    The hashed bytes are the 32 of the master's own SHA-256, the 32 of the cover's, then the brief's
    deterministic serialisation. Takes of older versions, and those that failed their review, have no
    cover: with an empty `cover_sha256` its bytes are left out.
    """
    parts = (
        bytes.fromhex(master_sha256),
        bytes.fromhex(cover_sha256),
        brief.SerializeToString(deterministic=True),
    )
    return f"sha256:{hashlib.sha256(b''.join(parts)).hexdigest()}"
