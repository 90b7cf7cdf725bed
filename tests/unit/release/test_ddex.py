"""What DDEX messages say of a song, read back from them."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.chassis.errors import SetupError
from services.release.package.ddex.model import iso_duration, store_genre
from services.release.package.ddex.xml import clean
from services.release.settings import Settings
from tests.support import media
from tests.support.ddex import FILES, KINDS, RECIPIENT, SENDER, VERSIONS, ingredients, message

NAMESPACES = {
    "4.3": "http://ddex.net/xml/ern/432",
    "4.1.1": "http://ddex.net/xml/ern/411",
    "3.8.2": "http://ddex.net/xml/ern/382",
}
KEPT = Path(__file__).parent / "messages"
Read = Callable[..., ElementTree.Element]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def read(version: str, tmp_path: Path) -> Read:
    """Reads the message of a kind of song in one version."""
    return lambda kind="whole": ElementTree.fromstring(message(ingredients(kind, version, tmp_path)))


def texts(root: ElementTree.Element, path: str) -> list[str]:
    return [found.text or "" for found in root.iterfind(path)]


@pytest.mark.parametrize("kind", KINDS)
def test_messages_stay_what_they_are(version: str, kind: str, tmp_path: Path) -> None:
    """Packages are verified by writing their message anew: another byte needs another schema_version."""
    kept = KEPT / f"{version}-{kind}.xml"
    assert message(ingredients(kind, version, tmp_path)) == kept.read_bytes()


def test_the_root_names_version_profile_and_language(version: str, read: Read) -> None:
    root = read()
    assert root.tag == f"{{{NAMESPACES[version]}}}NewReleaseMessage"
    profile = {"3.8.2": "CommonReleaseTypes/14/SingleResourceReleaseWithCoverArt"}
    assert root.get("ReleaseProfileVersionId") == profile.get(version, "SimpleAudioSingle")
    assert root.get("LanguageAndScriptCode") == "en"
    assert root.get("AvsVersionId") == ("9" if version == "4.3" else None)
    assert root.get("MessageSchemaVersionId") == ("ern/382" if version == "3.8.2" else None)


def test_the_header_is_of_the_release_and_its_decision(read: Read) -> None:
    header = read().find("MessageHeader")
    assert header is not None
    release_id = header.findtext("MessageThreadId")
    assert re.fullmatch(r"rel_\w{26}", release_id or "")
    assert header.findtext("MessageId") == f"{release_id}-20260202T024140Z"
    assert header.findtext("MessageCreatedDateTime") == "2026-02-02T02:41:40Z"
    assert texts(header, "*/PartyId") == [SENDER, RECIPIENT]
    assert texts(header, "*/PartyName/FullName") == ["Night & Day <Records>", "The Distributor"]


def test_without_identifiers_it_is_a_test_message_between_nobody_that_has_one(
    version: str, read: Read
) -> None:
    live = read().find("MessageHeader")
    header = read("bare").find("MessageHeader")
    assert live is not None
    assert header is not None
    kinds = [live.findtext("MessageControlType"), header.findtext("MessageControlType")]
    assert kinds == ["LiveMessage", "TestMessage"]
    assert texts(header, "*/PartyName/FullName") == ["AI Artist Label", "Distributor"]
    named = [(None, "PADPIDA0000000000X")] * 2
    if version == "3.8.2":
        named = [("aiartist", "AI Artist Label"), ("aiartist", "Distributor")]
    assert [(found.get("Namespace"), found.text) for found in header.iterfind("*/PartyId")] == named


@pytest.mark.parametrize("kind", KINDS)
def test_every_reference_resolves_and_every_anchor_is_used(version: str, kind: str, read: Read) -> None:
    root = read(kind)
    anchors = {
        "ResourceReference": texts(root, "ResourceList/*/ResourceReference"),
        "PartyReference": texts(root, "PartyList/Party/PartyReference"),
        "ReleaseReference": texts(root, "ReleaseList/Release/ReleaseReference"),
    }
    assert all(len(set(names)) == len(names) for names in anchors.values())
    used = {
        "ResourceReference": texts(root, ".//ReleaseResourceReference")
        + texts(root, ".//LinkedReleaseResourceReference"),
        "PartyReference": [
            *texts(root, ".//ArtistPartyReference"),
            *texts(root, ".//ContributorPartyReference"),
            *texts(root, ".//ReleaseLabelReference"),
        ],
        "ReleaseReference": texts(root, ".//DealReleaseReference"),
    }
    assert {kind: set(names) for kind, names in used.items()} == {
        kind: set(names) for kind, names in anchors.items()
    }
    assert bool(anchors["PartyReference"]) is (version != "3.8.2")
    technical = texts(root, ".//TechnicalResourceDetailsReference")
    assert technical == ["T1", "T2"]


@pytest.mark.parametrize(
    ("kind", "isrc", "icpn"),
    [
        ("bare", [], []),
        ("whole", ["QZABC2600001"], ["012345678905"]),
        ("sung", ["QZABC2600001"], ["4006381333931"]),
    ],
)
def test_codes_are_said_where_there_are_any(
    version: str, read: Read, kind: str, isrc: list[str], icpn: list[str]
) -> None:
    root = read(kind)
    release_id = root.findtext("MessageHeader/MessageThreadId")
    assert texts(root, ".//SoundRecording//ISRC") == isrc
    assert texts(root, ".//Release//ICPN") == icpn
    own = list(root.iter("ProprietaryId"))
    expected = (
        [f"{release_id}-A2", release_id] if isrc else [f"{release_id}-A1", f"{release_id}-A2", release_id]
    )
    assert [found.text for found in own] == expected
    assert {found.get("Namespace") for found in own} == {SENDER if isrc else "aiartist"}
    if version == "3.8.2" and icpn:
        assert [found.get("IsEan") for found in root.iter("ICPN")] == ["true" if kind == "sung" else "false"]


def test_title_artist_label_and_rights_are_said(version: str, read: Read) -> None:
    root = read()
    names = {"3.8.2": "ReferenceTitle/TitleText"}.get(version, "DisplayTitleText")
    assert (
        texts(root, f".//SoundRecording/{names}") + texts(root, f".//Release/{names}")
        == ["Neon in the Rain"] * 2
    )
    assert set(texts(root, ".//DisplayArtistName")) == {"Nova Vale"}
    assert set(texts(root, ".//PLine/Year")) == {"2026"} == set(texts(root, ".//CLine/Year"))
    assert set(texts(root, ".//PLine/PLineText")) == {"2026 Night & Day <Records>"}
    label = texts(root, ".//LabelName") or texts(root, "PartyList/Party[PartyReference='PLabel']//FullName")
    assert label == ["Night & Day <Records>"]


def test_files_are_named_with_codec_and_hash(version: str, read: Read) -> None:
    root = read()
    if version == "3.8.2":
        named = zip(texts(root, ".//File/FilePath"), texts(root, ".//File/FileName"), strict=True)
        uris = ["".join(parts) for parts in named]
        hashes = texts(root, ".//File/HashSum/HashSum")
        algorithms = set(texts(root, ".//File/HashSum/HashSumAlgorithmType"))
    else:
        uris = texts(root, ".//File/URI")
        hashes = texts(root, ".//File/HashSum/HashSumValue")
        algorithms = set(texts(root, ".//File/HashSum/Algorithm"))
    assert uris == ["resources/neon-in-the-rain.flac", "resources/cover.jpg"]
    strong = version == "4.3"
    assert algorithms == {"SHA-256" if strong else "MD5"}
    assert hashes == [file.sha256 if strong else file.md5 for file in (FILES.audio, FILES.cover)]
    assert texts(root, ".//AudioCodecType") + texts(root, ".//ImageCodecType") == ["FLAC", "JPEG"]
    assert texts(root, ".//SamplingRate") == ["44100"]
    assert texts(root, ".//BitsPerSample") == ["24"]
    assert texts(root, ".//NumberOfChannels") == ["2"]


def test_deals_are_streams_and_downloads_everywhere_from_the_decision_on(version: str, read: Read) -> None:
    root = read()
    terms = root.findall("DealList/ReleaseDeal/Deal/DealTerms")
    offered = [
        (sorted(texts(deal, "CommercialModelType")), texts(deal, "UseType") or texts(deal, "Usage/UseType"))
        for deal in terms
    ]
    assert offered == [
        (["AdvertisementSupportedModel", "SubscriptionModel"], ["OnDemandStream"]),
        (["PayAsYouGoModel"], ["PermanentDownload"]),
    ]
    assert [texts(deal, "TerritoryCode") for deal in terms] == [["Worldwide"]] * 2
    start = "StartDate" if version == "3.8.2" else "StartDateTime"
    assert {moment[:10] for moment in texts(root, f".//ValidityPeriod/{start}")} == {"2026-02-02"}


@pytest.mark.parametrize(("kind", "warning"), [("whole", "NotExplicit"), ("explicit", "Explicit")])
def test_strong_language_is_warned_of(read: Read, kind: str, warning: str) -> None:
    root = read(kind)
    assert set(texts(root, ".//SoundRecording//ParentalWarningType")) == {warning}
    assert set(texts(root, ".//Release//ParentalWarningType")) == {warning}
    assert set(texts(root, ".//Image//ParentalWarningType")) == {"NotExplicit"}


def test_the_language_is_that_of_what_is_sung(version: str, read: Read) -> None:
    assert texts(read("whole"), ".//LanguageOfPerformance") == []
    assert texts(read("sung"), ".//LanguageOfPerformance") == ["en"]
    assert read("explicit").get("LanguageAndScriptCode") == "yue"
    vocal = {"4.3": ("HasVocalPerformance", "false")}.get(version, ("IsInstrumental", "true"))
    assert texts(read("whole"), f".//{vocal[0]}") == [vocal[1]]


def test_ai_is_told_for_every_element(tmp_path: Path) -> None:
    root = ElementTree.fromstring(message(ingredients("sung", "4.3", tmp_path)))
    assert texts(root, "ResourceList/SoundRecording/ContainsAI") == ["All"]
    assert texts(root, "ResourceList/Image/ContainsAI") == ["All"]
    assert texts(root, "ReleaseList/Release/ContainsAI") == ["All"]
    ai = root.findall("ResourceList/SoundRecording/Contributor[SpecialContributor='GenerativeAI']")
    assert [sorted(texts(found, "Role/Value")) for found in ai] == [
        ["Composer", "Lyricist", "Performer", "Vocalist"]
    ]
    assert texts(ai[0], "AiContribution") == ["All"]
    picture = root.findall("ResourceList/Image/Contributor[SpecialContributor='GenerativeAI']")
    assert [texts(found, "Role/Value") for found in picture] == [["GraphicArtist"]]


def test_rules_are_told_apart_from_models(tmp_path: Path) -> None:
    root = ElementTree.fromstring(message(ingredients("whole", "4.3", tmp_path)))
    assert texts(root, "ResourceList/SoundRecording/ContainsAI") == ["Partly"]
    assert texts(root, "ResourceList/Image/ContainsAI") == ["None"]
    assert texts(root, "ReleaseList/Release/ContainsAI") == ["Partly"]
    told = {
        (found.findtext("ContributorPartyReference") or found.findtext("SpecialContributor")): (
            texts(found, "Role/Value"),
            found.findtext("AiContribution"),
        )
        for found in root.iterfind("ResourceList/SoundRecording/Contributor")
    }
    assert told == {
        "PArtist": (["Artist"], None),
        "PTool1": (["Composer", "Performer"], "None"),
        "GenerativeAI": (["Lyricist"], "All"),
    }
    assert texts(root, "PartyList/Party[PartyReference='PTool1']//FullName") == ["builtin"]


@pytest.mark.parametrize("version", ["4.1.1", "3.8.2"])
def test_older_versions_name_the_models(version: str, tmp_path: Path) -> None:
    root = ElementTree.fromstring(message(ingredients("sung", version, tmp_path)))
    assert {"V5", "local/smollm2"} <= set(texts(root, ".//FullName"))
    assert texts(root, ".//ContainsAI") == texts(root, ".//AiContribution") == []


def test_a_computer_s_recording_is_told_where_the_version_can(tmp_path: Path) -> None:
    root = ElementTree.fromstring(message(ingredients("whole", "3.8.2", tmp_path)))
    assert texts(root, ".//IsComputerGenerated") == ["true"]


def test_another_decision_gives_another_message_id(version: str, tmp_path: Path) -> None:
    parts = ingredients("whole", version, tmp_path)
    parts.decision.decided_at.CopyFrom(Timestamp(seconds=1_798_761_599))
    root = ElementTree.fromstring(message(parts))
    assert root.findtext("MessageHeader/MessageCreatedDateTime") == "2026-12-31T23:59:59Z"
    assert (root.findtext("MessageHeader/MessageId") or "").endswith("-20261231T235959Z")
    assert set(texts(root, ".//ReleaseDate")) == {"2026-12-31"}


@given(name=st.text(min_size=1, max_size=60), line=st.text(max_size=60))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_gives_a_message_that_can_be_read(
    version: str, name: str, line: str, tmp_path: Path
) -> None:
    parts = ingredients("whole", version, tmp_path)
    root = ElementTree.fromstring(
        message(replace(parts, artist_name=name, imprint=replace(parts.imprint, label=name)))
    )
    assert set(texts(root, ".//DisplayArtistName")) == {clean(name)}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\x00b\x1fc", "a\ufffdb\ufffdc"),
        ("one\ntwo\r\n three", "one two three"),
        ("\ufffe\ud800", "\ufffd\ufffd"),
        ('🎵 & <x> "q"', '🎵 & <x> "q"'),
        ("\x85", "\x85"),
    ],
)
def test_what_xml_forbids_is_replaced(text: str, kept: str) -> None:
    assert clean(text) == kept


@pytest.mark.parametrize(
    ("milliseconds", "duration"),
    [(400, "PT0S"), (2_000, "PT2S"), (59_600, "PT1M0S"), (185_499, "PT3M5S"), (3_600_000, "PT1H0M0S")],
)
def test_durations_are_iso_8601(milliseconds: int, duration: str) -> None:
    assert iso_duration(milliseconds) == duration
    assert re.fullmatch(r"PT(\d+H)?(\d+M)?\d+S", duration)


@pytest.mark.parametrize(
    ("genre", "filed"),
    [
        ("synthwave", ("Electronic", "Synthwave")),
        ("Lo-Fi Hip Hop", ("Hip Hop/Rap", "Lo-Fi Hip Hop")),
        ("drum & bass", ("Dance", "Drum & Bass")),
        ("dark jazz", ("Dark jazz", None)),
    ],
)
def test_genres_are_filed_as_stores_do(genre: str, filed: tuple[str, str | None]) -> None:
    assert store_genre(genre) == filed


def test_the_message_is_not_moved_by_where_it_is_written(tmp_path: Path, version: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, second = (message(ingredients("whole", version, tmp_path / name)) for name in "ab")
    assert first == second
    assert media.RUN.encode() not in first


@pytest.mark.parametrize("variable", ["AIARTIST_DDEX_SENDER", "AIARTIST_DDEX_RECIPIENT"])
@pytest.mark.parametrize("value", ["PA-DPIDA-2014120301-X", "label", "padpida2014120301x"])
def test_what_is_no_identifier_is_refused_at_start(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SetupError, match=f"{variable}: must be a DDEX Party Identifier"):
        Settings.load()
