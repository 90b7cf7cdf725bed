"""Building a package in a folder. The same inputs give the same bytes."""

import shutil
from pathlib import Path

from services.release.package import layout
from services.release.package.ddex import files_of, new_release_message
from services.release.package.facts import Ingredients, documents_of
from services.release.package.flac import stream_info, write_tagged
from services.release.package.lyrics import lyrics_text


def build_package(folder: Path, master: Path, parts: Ingredients) -> list[layout.Entry]:
    """Writes a whole package into an empty folder, the manifest last; every entry, the manifest's too.

    OSError where the disk refuses; ValueError where a part is not fit for a package.
    """
    meta, provenance = documents_of(parts, pcm_md5=stream_info(master).pcm_md5)
    types = meta.media_types()
    for path in types:
        (folder / path).parent.mkdir(exist_ok=True)
    audio, lyrics = (next(p for p in types if p.startswith(kind)) for kind in ("audio/", "lyrics/"))
    write_tagged(master, folder / audio, meta.tags())
    (folder / layout.COVER).write_bytes(parts.cover.jpeg)
    (folder / lyrics).write_bytes(lyrics_text(parts.brief.brief).encode())
    for video in meta.videos:
        shutil.copyfile(parts.videos[video.format], folder / video.path)
    (folder / layout.METADATA).write_bytes(meta.to_json())
    (folder / layout.PROVENANCE).write_bytes(provenance.to_json())
    message = new_release_message(meta, provenance, files_of(folder, meta))
    (folder / meta.message).write_bytes(message)
    entries = [layout.entry(folder, path, media_type) for path, media_type in types.items()]
    (folder / layout.MANIFEST).write_bytes(layout.manifest(parts.release_id, entries))
    return [*entries, layout.entry(folder, layout.MANIFEST, layout.JSON)]
