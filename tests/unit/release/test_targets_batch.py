"""A DDEX batch: its names, and where what a message names goes."""

from itertools import islice

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.chassis.errors import WrongState
from services.release.targets import batch
from tests.support.packages import AUDIO, BATCH, DECIDED_AT, ERN_4, MESSAGE, UPC, VIDEO

COVER = "artwork/cover.jpg"
FILES = (AUDIO, COVER, VIDEO, MESSAGE, "metadata.json")
ERN_3 = """<ern:NewReleaseMessage xmlns:ern="http://ddex.net/xml/ern/382"><ResourceList>
<File><FileName>neon-in-the-rain.flac</FileName><FilePath>resources/</FilePath></File>
<File><FileName>cover.jpg</FileName></File>
</ResourceList></ern:NewReleaseMessage>"""


def release(upc: str = UPC) -> db.StoredRelease:
    made = db.StoredRelease(id="rel_00000000000000000000000001", upc=upc)
    made.decision.decided_at.CopyFrom(DECIDED_AT)
    return made


def test_a_batch_is_named_by_the_moment_of_the_decision_and_then_the_next_ones() -> None:
    names = list(islice(batch.batch_names(release()), 3))
    assert names == [BATCH, str(int(BATCH) + 1), str(int(BATCH) + 2)]
    assert all(len(name) == 17 for name in batch.batch_names(release()))


def test_a_millisecond_after_the_last_of_a_year_is_the_first_of_the_next() -> None:
    made = release()
    made.decision.decided_at.FromJsonString("2026-12-31T23:59:59.999Z")
    assert list(islice(batch.batch_names(made), 2)) == ["20261231235959999", "20270101000000000"]


@pytest.mark.parametrize(("upc", "folder"), [(UPC, UPC), ("", release().id), ("../x", release().id)])
def test_a_release_is_named_by_its_code_else_by_its_id(upc: str, folder: str) -> None:
    assert batch.folder_of(release(upc)) == folder


def test_what_a_message_of_ern_4_names_lies_beside_it() -> None:
    xml = ERN_4.format(
        audio="neon-in-the-rain.flac", cover="cover.jpg", video="neon-in-the-rain-landscape.mp4"
    )
    assert batch.lay_out(release(), FILES, xml.encode()) == {
        f"{UPC}/resources/cover.jpg": COVER,
        f"{UPC}/resources/neon-in-the-rain-landscape.mp4": VIDEO,
        f"{UPC}/resources/neon-in-the-rain.flac": AUDIO,
        f"{UPC}/{UPC}.xml": MESSAGE,
    }


def test_what_a_message_of_ern_3_names_lies_beside_it() -> None:
    assert batch.lay_out(release(), FILES, ERN_3.encode()) == {
        f"{UPC}/cover.jpg": COVER,
        f"{UPC}/resources/neon-in-the-rain.flac": AUDIO,
        f"{UPC}/{UPC}.xml": MESSAGE,
    }


@pytest.mark.parametrize("uri", ["resources/other.flac", "../cover.jpg", "/cover.jpg", "a/../../cover.jpg"])
def test_a_message_that_names_what_is_not_beside_it_is_no_delivery(uri: str) -> None:
    with pytest.raises(WrongState, match="its DDEX message names"):
        batch.lay_out(release(), FILES, f"<a><URI>{uri}</URI></a>".encode())


def test_a_manifest_needs_the_identifiers_of_both() -> None:
    xml = b"<a><MessageId>m</MessageId></a>"
    both = batch.Parties("PADPIDA2014120301X", "A", "PADPIDA2007050901U", "B")
    assert b"<MessageId>m</MessageId>" in batch.completion(release(), BATCH, xml, both)
    for one in (batch.Parties("", "A", both.recipient, "B"), batch.Parties(both.sender, "A", "", "B")):
        assert batch.completion(release(), BATCH, xml, one) == b""


def test_the_same_release_has_the_same_manifest() -> None:
    parties = batch.Parties("PADPIDA2014120301X", "A & B", "PADPIDA2007050901U", "C")
    first, second = (batch.completion(release(), BATCH, b"<a/>", parties) for _ in range(2))
    assert first == second
    assert b"2026-03-08T09:00:00Z" in first
    assert b"A &amp; B" in first
