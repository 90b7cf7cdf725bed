"""DDEX messages of many kinds of songs, without any file of theirs."""

import hashlib
from dataclasses import replace
from pathlib import Path

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.release.package.ddex import File, Files, new_release_message
from services.release.package.facts import Ingredients, documents_of
from services.release.package.imprint import Imprint
from tests.support import media

VERSIONS = ("4.3", "4.1.1", "3.8.2")
FILES = Files(
    audio=File(
        "audio/neon-in-the-rain.flac", *(hash(b"audio").hexdigest() for hash in (hashlib.sha256, hashlib.md5))
    ),
    cover=File("artwork/cover.jpg", *(hash(b"cover").hexdigest() for hash in (hashlib.sha256, hashlib.md5))),
    sample_rate=44_100,
    channels=2,
    bits_per_sample=24,
)
SENDER, RECIPIENT = "PADPIDA2014120301X", "PADPIDA2013020802I"
KINDS = ("bare", "whole", "sung", "explicit")


def ingredients(kind: str, version: str, folder: Path) -> Ingredients:
    """A song's, by its kind: `bare` has no codes and no identifiers; the others have all that there is.

    `sung` is by a music model with an image model's cover, `explicit` has words that need an advisory and is
    in no language of two letters.
    """
    parts = media.ingredients(folder / "master.flac")
    if kind == "bare":
        return replace(parts, imprint=Imprint(ddex_version=version))  # type: ignore[arg-type]
    parts = replace(
        parts,
        isrc="QZABC2600001",
        upc="4006381333931" if kind == "sung" else "012345678905",
        imprint=Imprint("Night & Day <Records>", version, SENDER, RECIPIENT, "The Distributor"),  # type: ignore[arg-type]
    )
    if kind == "sung":
        parts.take.MergeFrom(
            db.StoredTake(
                provider="suno",
                provider_model="V5",
                provider_reference="task-1",
                cost_micro_usd=100_000,
                cover_model="painter/one",
            )
        )
    if kind == "explicit":
        parts.brief.brief.language = "yue"
        parts.brief.brief.sections[1].lines.append("No f*ck given")
    return parts


def message(parts: Ingredients) -> bytes:
    """The song's message."""
    return new_release_message(*documents_of(parts, pcm_md5="0" * 32), FILES)
