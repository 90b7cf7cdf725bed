"""ERN 3.8.2: the release profile of a single recording with its cover.

This version says nothing of AI but that a recording is computer-generated; the tools are named as
contributors. Element orders are those of DDEX's schema.
"""

from xml.etree.ElementTree import Element

from services.release.package.ddex.model import (
    COMMERCIAL_TERMS,
    COVER_PIXELS,
    NO_DPID_NAMESPACE,
    RESOURCES,
    File,
    Party,
    Song,
)
from services.release.package.ddex.xml import document, element

PROFILE = "CommonReleaseTypes/14/SingleResourceReleaseWithCoverArt"
_OF_THE_WORK = frozenset({"Composer", "Lyricist"})
"""Roles in the work; all others are roles in the recording."""


def write(song: Song) -> bytes:
    """ERN 3.8.2."""
    root = element(
        "ern:NewReleaseMessage",
        element(
            "MessageHeader",
            element("MessageThreadId", song.release_id),
            element("MessageId", song.message_id),
            _messaging_party("MessageSender", song.sender),
            _messaging_party("MessageRecipient", song.recipient),
            element("MessageCreatedDateTime", song.created_at),
            element("MessageControlType", song.control_type),
        ),
        element("ResourceList", _recording(song), _cover(song)),
        element("ReleaseList", _release(song)),
        _deals(song),
        **{
            "xmlns:ern": "http://ddex.net/xml/ern/382",
            "MessageSchemaVersionId": "ern/382",
            "ReleaseProfileVersionId": PROFILE,
            "LanguageAndScriptCode": song.language,
        },
    )
    return document(root)


def _messaging_party(name: str, party: Party) -> Element:
    # Here the schema takes any identifier that names its namespace.
    identifier = (
        element("PartyId", party.dpid)
        if party.dpid
        else element("PartyId", party.name, Namespace=NO_DPID_NAMESPACE)
    )
    return element(name, identifier, _party_name(party.name))


def _recording(song: Song) -> Element:
    identifier = element("ISRC", song.isrc) if song.isrc else _own_id(song, f"{song.release_id}-A1")
    return element(
        "SoundRecording",
        element("SoundRecordingType", "MusicalWorkSoundRecording"),
        element("SoundRecordingId", identifier),
        element("ResourceReference", "A1"),
        _reference_title(song),
        element("IsInstrumental", "false" if song.sung else "true"),
        element("IsComputerGenerated", "true"),
        element("LanguageOfPerformance", song.language) if song.sung and len(song.language) == 2 else None,
        element("Duration", song.duration),
        element(
            "SoundRecordingDetailsByTerritory",
            element("TerritoryCode", "Worldwide"),
            _title(song, "DisplayTitle"),
            _display_artist(song),
            *_contributors(song, of_the_work=False),
            *_contributors(song, of_the_work=True),
            element("ResourceReleaseDate", song.release_date),
            _p_line(song),
            _genre(song),
            element("ParentalWarningType", song.warning),
            element(
                "TechnicalSoundRecordingDetails",
                element("TechnicalResourceDetailsReference", "T1"),
                element("AudioCodecType", "FLAC"),
                element("NumberOfChannels", str(song.files.channels)),
                element("SamplingRate", str(song.files.sample_rate), UnitOfMeasure="Hz"),
                element("BitsPerSample", str(song.files.bits_per_sample)),
                _file(song.files.audio),
            ),
        ),
    )


def _contributors(song: Song, *, of_the_work: bool) -> list[Element]:
    name, role_name = (
        ("IndirectResourceContributor", "IndirectResourceContributorRole")
        if of_the_work
        else ("ResourceContributor", "ResourceContributorRole")
    )
    told = [
        (maker.name, roles)
        for maker in song.makers
        if (roles := [role for role in maker.roles if (role in _OF_THE_WORK) is of_the_work])
    ]
    return [
        element(
            name,
            _party_name(tool),
            *(element(role_name, role) for role in roles),
            SequenceNumber=str(number),
        )
        for number, (tool, roles) in enumerate(told, start=1)
    ]


def _cover(song: Song) -> Element:
    return element(
        "Image",
        element("ImageType", "FrontCoverImage"),
        element("ImageId", _own_id(song, f"{song.release_id}-A2")),
        element("ResourceReference", "A2"),
        element(
            "ImageDetailsByTerritory",
            element("TerritoryCode", "Worldwide"),
            element("ParentalWarningType", "NotExplicit"),
            element(
                "TechnicalImageDetails",
                element("TechnicalResourceDetailsReference", "T2"),
                element("ImageCodecType", "JPEG"),
                element("ImageHeight", str(COVER_PIXELS)),
                element("ImageWidth", str(COVER_PIXELS)),
                _file(song.files.cover),
            ),
        ),
    )


def _release(song: Song) -> Element:
    icpn = element("ICPN", song.upc, IsEan="true" if len(song.upc) == 13 else "false") if song.upc else None
    return element(
        "Release",
        element("ReleaseId", icpn, _own_id(song, song.release_id)),
        element("ReleaseReference", "R0"),
        _reference_title(song),
        element(
            "ReleaseResourceReferenceList",
            element("ReleaseResourceReference", "A1", ReleaseResourceType="PrimaryResource"),
            element("ReleaseResourceReference", "A2", ReleaseResourceType="SecondaryResource"),
        ),
        element("ReleaseType", "SingleResourceRelease"),
        element(
            "ReleaseDetailsByTerritory",
            element("TerritoryCode", "Worldwide"),
            element("DisplayArtistName", song.artist),
            element("LabelName", song.label),
            _title(song, "FormalTitle"),
            _title(song, "DisplayTitle"),
            _display_artist(song),
            element("ParentalWarningType", song.warning),
            _genre(song),
            _p_line(song),
            element("CLine", element("Year", song.year), element("CLineText", f"{song.year} {song.label}")),
            element("ReleaseDate", song.release_date),
        ),
        IsMainRelease="true",
    )


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
                        *(element("CommercialModelType", model) for model in models),
                        element("Usage", element("UseType", use)),
                        element("TerritoryCode", "Worldwide"),
                        element("ValidityPeriod", element("StartDate", song.release_date)),
                    ),
                )
                for models, use in COMMERCIAL_TERMS
            ),
        ),
    )


def _title(song: Song, kind: str) -> Element:
    return element("Title", element("TitleText", song.title), TitleType=kind)


def _reference_title(song: Song) -> Element:
    return element("ReferenceTitle", element("TitleText", song.title))


def _display_artist(song: Song) -> Element:
    return element(
        "DisplayArtist", _party_name(song.artist), element("ArtistRole", "MainArtist"), SequenceNumber="1"
    )


def _genre(song: Song) -> Element:
    return element(
        "Genre",
        element("GenreText", song.genre),
        element("SubGenre", song.sub_genre) if song.sub_genre else None,
    )


def _p_line(song: Song) -> Element:
    return element("PLine", element("Year", song.year), element("PLineText", f"{song.year} {song.label}"))


def _party_name(name: str) -> Element:
    return element("PartyName", element("FullName", name))


def _file(file: File) -> Element:
    return element(
        "File",
        element("FileName", file.name),
        element("FilePath", RESOURCES),
        element("HashSum", element("HashSum", file.md5), element("HashSumAlgorithmType", "MD5")),
    )


def _own_id(song: Song, value: str) -> Element:
    return element("ProprietaryId", value, Namespace=song.namespace)
