"""A delivery as DDEX's choreography for SFTP wants it (ERN choreography, SFTP, batch profile).

    <batch>/<release>/<release>.xml     the ERN message
    <batch>/<release>/resources/...     what it names, by the paths that it gives
    <batch>/BatchComplete_<batch>.xml   last: the batch is complete

A batch is named by a moment, as YYYYMMDDhhmmssnnn in UTC: that of the release's decision, so that a repeat
has the same one. A release is named by its UPC or EAN, else by its id.
"""

import hashlib
import posixpath
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.chassis.errors import WrongState

_NAMESPACE = "http://ddex.net/xml/ern-c-sftp/16"
_CANDIDATES = 20
MESSAGES = "ddex/"
"""Where a package keeps its ERN message."""


@dataclass(frozen=True, slots=True)
class Parties:
    """Who delivers to whom, by DDEX Party Identifier and name; an empty identifier: there is none."""

    sender: str
    sender_name: str
    recipient: str
    recipient_name: str

    @property
    def identified(self) -> bool:
        """Whether a manifest can be written: it names both by their identifiers."""
        return bool(self.sender and self.recipient)


def folder_of(release: db.StoredRelease) -> str:
    """The release's folder in its batch."""
    return release.upc if release.upc.isdecimal() else release.id


def completion_name(batch: str) -> str:
    """The file that says that a batch is complete."""
    return f"BatchComplete_{batch}.xml"


def batch_names(release: db.StoredRelease) -> Iterator[str]:
    """The release's batch, then those to take where another release has that: a millisecond later each."""
    first = _decided_at(release)
    for step in range(_CANDIDATES):
        moment = first + timedelta(milliseconds=step)
        yield f"{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03}"


def message_path(release: db.StoredRelease, files: Collection[str]) -> str:
    """The ERN message of a package. WrongState where it has none, as those of older versions."""
    found = sorted(path for path in files if path.startswith(MESSAGES) and path.endswith(".xml"))
    if not found:
        raise WrongState(
            "release", release.id, state="packaged without a DDEX message", expected="a package with one"
        )
    return found[0]


def lay_out(release: db.StoredRelease, files: Collection[str], xml: bytes) -> dict[str, str]:
    """Path below the batch -> path in the package: what the message names, then the message itself.

    WrongState where the message names a file that the package lacks, or one that is not beside the message.
    """
    folder = folder_of(release)
    by_name = {posixpath.basename(path): path for path in files}
    placed = {}
    for uri in sorted(_uris(ElementTree.fromstring(xml))):
        place = posixpath.normpath(posixpath.join(folder, uri))
        source = by_name.get(posixpath.basename(uri))
        if source is None or not place.startswith(f"{folder}/"):
            raise WrongState(
                "release",
                release.id,
                state=f"its DDEX message names {uri}",
                expected="a file of the package, beside the message",
            )
        placed[place] = source
    return {**placed, f"{folder}/{folder}.xml": message_path(release, files)}


def completion(release: db.StoredRelease, batch: str, xml: bytes, parties: Parties) -> bytes:
    """What says that the batch is complete: a ManifestMessage, or nothing at all.

    The standard lets a file without a byte stand for the manifest; so it is where a party has no identifier,
    which the manifest needs.
    """
    if not parties.identified:
        return b""
    message = ElementTree.fromstring(xml)
    folder = folder_of(release)
    identity = f'<ProprietaryId Namespace="DPID:{parties.sender}">{release.id}</ProprietaryId>'
    if release.upc:
        identity = f"<ICPN>{escape(release.upc)}</ICPN>{identity}"
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ern-c-sftp:ManifestMessage xmlns:ern-c-sftp="{_NAMESPACE}" MessageVersionId="ern-c-sftp/16">
  <MessageHeader>
    <MessageSender>{_party(parties.sender, parties.sender_name)}</MessageSender>
    <MessageRecipient>{_party(parties.recipient, parties.recipient_name)}</MessageRecipient>
    <MessageCreatedDateTime>{_decided_at(release):%Y-%m-%dT%H:%M:%S}Z</MessageCreatedDateTime>
  </MessageHeader>
  <IsTestFlag>false</IsTestFlag>
  <RootDirectory>{batch}</RootDirectory>
  <NumberOfMessages>1</NumberOfMessages>
  <MessageInBatch>
    <MessageType>NewReleaseMessage</MessageType>
    <MessageId>{escape(_first_text(message, "MessageId") or release.id)}</MessageId>
    <URL>./{folder}/{folder}.xml</URL>
    <IncludedReleaseId>{identity}</IncludedReleaseId>
    <DeliveryType>NewReleaseDelivery</DeliveryType>
    <ProductType>AudioProduct</ProductType>
    <HashSum>
      <HashSum>{hashlib.md5(xml, usedforsecurity=False).hexdigest()}</HashSum>
      <HashSumAlgorithmType>MD5</HashSumAlgorithmType>
    </HashSum>
  </MessageInBatch>
</ern-c-sftp:ManifestMessage>
""".encode()


def _party(identifier: str, name: str) -> str:
    return f"<PartyId>{identifier}</PartyId><PartyName><FullName>{escape(name)}</FullName></PartyName>"


def _decided_at(release: db.StoredRelease) -> datetime:
    return release.decision.decided_at.ToDatetime(tzinfo=UTC)


def _uris(message: ElementTree.Element) -> set[str]:
    """The files that a message names: ERN 4 as a URI, ERN 3 as a file's name and, if it has one, path."""
    found = set()
    for element in message.iter():
        kind = element.tag.rpartition("}")[2]
        if kind == "URI" and element.text:
            found.add(element.text.strip())
        elif kind == "File":
            name, path = _child(element, "FileName"), _child(element, "FilePath")
            if name:
                found.add(posixpath.join(path, name))
    return found


def _first_text(message: ElementTree.Element, name: str) -> str:
    return next((e.text or "" for e in message.iter() if e.tag.rpartition("}")[2] == name), "").strip()


def _child(element: ElementTree.Element, name: str) -> str:
    return next((c.text or "" for c in element if c.tag.rpartition("}")[2] == name), "").strip()
