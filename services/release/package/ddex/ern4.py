"""ERN 4: the release profile SimpleAudioSingle, in 4.1.1 and in 4.3.

What is called 4.3 here is its current edition, 4.3.2 (namespace ern/432): the first that can say what
generative AI did. A recording, a cover and a release each say how much of them is (`ContainsAI`), and a
contributor may be `GenerativeAI` itself, with the roles that it had; 4.1.1 can only name the tools.

Element orders are those of DDEX's schemas of these versions.
"""

from dataclasses import dataclass
from xml.etree.ElementTree import Element

from services.release.package.ddex.model import (
    COMMERCIAL_TERMS,
    COVER_PIXELS,
    RESOURCES,
    UNASSIGNED_DPID,
    File,
    Maker,
    Party,
    Song,
)
from services.release.package.ddex.xml import document, element

PROFILE = "SimpleAudioSingle"
AVS_VERSION = "9"
"""The edition of DDEX's allowed values that 4.3 messages name."""
_ARTIST, _LABEL = "PArtist", "PLabel"
_WORLDWIDE = {"ApplicableTerritoryCode": "Worldwide"}
_DEFAULT = {**_WORLDWIDE, "IsDefault": "true"}


@dataclass(frozen=True, slots=True)
class _Edition:
    """Where the two versions differ."""

    namespace: str
    attributes: dict[str, str]
    tells_ai: bool
    """True: 4.3, which also has an edition inside a recording and roles with a value inside."""
    hash_algorithm: str


_43 = _Edition("http://ddex.net/xml/ern/432", {"AvsVersionId": AVS_VERSION}, True, "SHA-256")
_411 = _Edition("http://ddex.net/xml/ern/411", {}, False, "MD5")


def write_43(song: Song) -> bytes:
    """ERN 4.3.2."""
    return _write(song, _43)


def write_411(song: Song) -> bytes:
    """ERN 4.1.1."""
    return _write(song, _411)


def _write(song: Song, edition: _Edition) -> bytes:
    tools = _tools(song, edition)
    root = element(
        "ern:NewReleaseMessage",
        _header(song),
        _parties(song, tools),
        element("ResourceList", _recording(song, edition, tools), _cover(song, edition, tools)),
        element("ReleaseList", _release(song, edition)),
        _deals(song),
        **{
            "xmlns:ern": edition.namespace,
            "ReleaseProfileVersionId": PROFILE,
            "LanguageAndScriptCode": song.language,
            **edition.attributes,
        },
    )
    return document(root)


def _tools(song: Song, edition: _Edition) -> dict[str, str]:
    """Tool -> reference, of those that the message names as parties."""
    named = [m.name for m in (*song.makers, *song.artwork) if not (m.generative and edition.tells_ai)]
    return {name: f"PTool{number}" for number, name in enumerate(dict.fromkeys(named), start=1)}


def _header(song: Song) -> Element:
    return element(
        "MessageHeader",
        element("MessageThreadId", song.release_id),
        element("MessageId", song.message_id),
        _messaging_party("MessageSender", song.sender),
        _messaging_party("MessageRecipient", song.recipient),
        element("MessageCreatedDateTime", song.created_at),
        element("MessageControlType", song.control_type),
    )


def _messaging_party(name: str, party: Party) -> Element:
    return element(
        name,
        element("PartyId", party.dpid or UNASSIGNED_DPID),
        element("PartyName", element("FullName", party.name)),
    )


def _parties(song: Song, tools: dict[str, str]) -> Element:
    names = {_ARTIST: song.artist, _LABEL: song.label, **{ref: name for name, ref in tools.items()}}
    return element(
        "PartyList",
        *(
            element(
                "Party",
                element("PartyReference", reference),
                element("PartyName", element("FullName", name)),
            )
            for reference, name in names.items()
        ),
    )


def _recording(song: Song, edition: _Edition, tools: dict[str, str]) -> Element:
    identifier = element(
        "ResourceId",
        element("ISRC", song.isrc) if song.isrc else _own_id(song, f"{song.release_id}-A1"),
    )
    p_line = _p_line(song)
    details = _audio_details(song, edition)
    return element(
        "SoundRecording",
        element("ResourceReference", "A1"),
        element("Type", "MusicalWorkSoundRecording"),
        element("SoundRecordingEdition", identifier, p_line, details) if edition.tells_ai else identifier,
        *_display(song),
        *_contributors(song.makers, edition, tools, artist=True),
        None if edition.tells_ai else p_line,
        element("Duration", song.duration),
        element("FirstPublicationDate", song.release_date),
        element("ParentalWarningType", song.warning),
        element("ContainsAI", song.recording_ai) if edition.tells_ai else None,
        # 4.3 asks for human voices, 4.1.1 for any.
        element("HasVocalPerformance", "false") if edition.tells_ai else None,
        None if edition.tells_ai else element("IsInstrumental", "false" if song.sung else "true"),
        element("LanguageOfPerformance", song.language) if _language_is_told(song, edition) else None,
        None if edition.tells_ai else details,
    )


def _language_is_told(song: Song, edition: _Edition) -> bool:
    # 4.1.1 knows languages of two letters only.
    return song.sung and (edition.tells_ai or len(song.language) == 2)


def _audio_details(song: Song, edition: _Edition) -> Element:
    facts = [
        element("AudioCodecType", "FLAC"),
        element("NumberOfChannels", str(song.files.channels)),
        element("SamplingRate", str(song.files.sample_rate), UnitOfMeasure="Hz"),
        element("BitsPerSample", str(song.files.bits_per_sample)),
        element("Duration", song.duration),
        _file(song.files.audio, edition),
    ]
    reference = element("TechnicalResourceDetailsReference", "T1")
    if edition.tells_ai:
        delivery = element("DeliveryFile", element("Type", "AudioFile"), *facts)
        return element("TechnicalDetails", reference, delivery)
    return element("TechnicalDetails", reference, *facts)


def _cover(song: Song, edition: _Edition, tools: dict[str, str]) -> Element:
    return element(
        "Image",
        element("ResourceReference", "A2"),
        element("Type", "FrontCoverImage"),
        element("ResourceId", _own_id(song, f"{song.release_id}-A2")),
        *_contributors(song.artwork, edition, tools, artist=False),
        _c_line(song),
        element("ParentalWarningType", "NotExplicit"),
        element("ContainsAI", song.artwork_ai) if edition.tells_ai else None,
        element(
            "TechnicalDetails",
            element("TechnicalResourceDetailsReference", "T2"),
            element("ImageCodecType", "JPEG"),
            element("ImageHeight", str(COVER_PIXELS)),
            element("ImageWidth", str(COVER_PIXELS)),
            _file(song.files.cover, edition),
        ),
    )


def _contributors(
    makers: tuple[Maker, ...], edition: _Edition, tools: dict[str, str], *, artist: bool
) -> list[Element]:
    """The artist, every tool that is a party, and generative AI, each once with all of its roles."""
    told: list[tuple[str, str, tuple[str, ...], str]] = []
    if artist:
        told.append(("ContributorPartyReference", _ARTIST, ("Artist",), ""))
    by_ai: list[str] = []
    for maker in makers:
        if maker.name in tools:
            ai = "None" if edition.tells_ai else ""
            told.append(("ContributorPartyReference", tools[maker.name], maker.roles, ai))
        else:
            by_ai += maker.roles
    if by_ai:
        told.append(("SpecialContributor", "GenerativeAI", tuple(dict.fromkeys(by_ai)), "All"))
    return [
        element(
            "Contributor",
            element(kind, who),
            *(_role(role, edition) for role in roles),
            element("AiContribution", ai) if ai else None,
            SequenceNumber=str(number),
        )
        for number, (kind, who, roles, ai) in enumerate(told, start=1)
    ]


def _role(role: str, edition: _Edition) -> Element:
    return element("Role", element("Value", role)) if edition.tells_ai else element("Role", role)


def _release(song: Song, edition: _Edition) -> Element:
    identifier = element(
        "ReleaseId",
        element("ICPN", song.upc) if song.upc else None,
        _own_id(song, song.release_id),
    )
    genre = element(
        "DisplayGenre" if edition.tells_ai else "Genre",
        element("GenreText", song.genre),
        element("SubGenre", song.sub_genre) if song.sub_genre else None,
        **_WORLDWIDE,
    )
    return element(
        "Release",
        element("ReleaseReference", "R0"),
        element("ReleaseType", "Single"),
        identifier,
        *_display(song),
        element("ReleaseLabelReference", _LABEL, **_WORLDWIDE),
        _p_line(song),
        _c_line(song),
        element("Duration", song.duration),
        genre,
        element("ReleaseDate", song.release_date),
        element("OriginalReleaseDate", song.release_date),
        element("ParentalWarningType", song.warning),
        element(
            "ResourceGroup",
            element("SequenceNumber", "1"),
            element(
                "ResourceGroupContentItem",
                element("SequenceNumber", "1"),
                element("ReleaseResourceReference", "A1"),
                element("LinkedReleaseResourceReference", "A2"),
            ),
        ),
        element("ContainsAI", song.release_ai) if edition.tells_ai else None,
    )


def _display(song: Song) -> list[Element]:
    """Title and artist as shoppers see them."""
    return [
        element("DisplayTitleText", song.title),
        element("DisplayTitle", element("TitleText", song.title), **_DEFAULT),
        element("DisplayArtistName", song.artist, **_DEFAULT),
        element(
            "DisplayArtist",
            element("ArtistPartyReference", _ARTIST),
            element("DisplayArtistRole", "MainArtist"),
            SequenceNumber="1",
        ),
    ]


def _deals(song: Song) -> Element:
    return element(
        "DealList",
        element(
            "ReleaseDeal",
            element("DealReleaseReference", "R0"),
            *(
                element(
                    "Deal",
                    element(
                        "DealTerms",
                        element("TerritoryCode", "Worldwide"),
                        element("ValidityPeriod", element("StartDateTime", f"{song.release_date}T00:00:00Z")),
                        *(element("CommercialModelType", model) for model in models),
                        element("UseType", use),
                    ),
                )
                for models, use in COMMERCIAL_TERMS
            ),
        ),
    )


def _file(file: File, edition: _Edition) -> Element:
    value = file.sha256 if edition.hash_algorithm == "SHA-256" else file.md5
    return element(
        "File",
        element("URI", f"{RESOURCES}{file.name}"),
        element("HashSum", element("Algorithm", edition.hash_algorithm), element("HashSumValue", value)),
    )


def _p_line(song: Song) -> Element:
    return element("PLine", element("Year", song.year), element("PLineText", f"{song.year} {song.label}"))


def _c_line(song: Song) -> Element:
    return element("CLine", element("Year", song.year), element("CLineText", f"{song.year} {song.label}"))


def _own_id(song: Song, value: str) -> Element:
    return element("ProprietaryId", value, Namespace=song.namespace)
