"""DDEX messages against what the standard asks for.

The standard's own schemas are DDEX's, and no part of this repository. With `DDEX_SCHEMAS` naming a folder
that holds them as `432/release-notification.xsd`, `411/...` and `382/...` (each with the files of allowed
values that it includes), every message is validated by them. Always checked is the order in which they let
elements stand, and the form of what has one.
"""

import os
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from lxml import etree

from tests.support.ddex import KINDS, VERSIONS, ingredients, message

FOLDERS = {"4.3": "432", "4.1.1": "411", "3.8.2": "382"}
SCHEMAS = os.environ.get("DDEX_SCHEMAS", "")

_TITLED = "DisplayTitleText DisplayTitle"
_SHOWN = f"{_TITLED} DisplayArtistName DisplayArtist"
_ORDERS_4 = {
    "NewReleaseMessage": "MessageHeader PartyList ResourceList ReleaseList DealList",
    "MessageHeader": "MessageThreadId MessageId MessageSender MessageRecipient MessageCreatedDateTime"
    " MessageControlType",
    "MessageSender": "PartyId PartyName",
    "MessageRecipient": "PartyId PartyName",
    "Party": "PartyReference PartyName",
    "ReleaseId": "GRid ICPN CatalogNumber ProprietaryId",
    "DisplayArtist": "ArtistPartyReference DisplayArtistRole",
    "Contributor": "ContributorPartyReference SpecialContributor Role AiContribution",
    "DisplayGenre": "GenreText SubGenre",
    "Genre": "GenreText SubGenre",
    "ResourceGroup": "SequenceNumber ResourceGroupContentItem",
    "ResourceGroupContentItem": "SequenceNumber ReleaseResourceReference LinkedReleaseResourceReference",
    "DealTerms": "TerritoryCode ValidityPeriod CommercialModelType UseType",
    "File": "URI HashSum FileSize",
    "HashSum": "Algorithm Version Parameter DataType HashSumValue",
    "PLine": "Year PLineCompany PLineText",
    "CLine": "Year CLineCompany CLineText",
}
_RELEASE_4 = (
    f"ReleaseReference ReleaseType ReleaseId {_SHOWN} ReleaseLabelReference AdministratingRecordCompany PLine"
    " CLine CourtesyLine Duration {genre} ReleaseDate OriginalReleaseDate ReleaseVisibilityReference"
    " ParentalWarningType AvRating RelatedRelease RelatedResource ResourceGroup{ai}"
)
ORDERS = {
    "4.3": {
        **_ORDERS_4,
        "SoundRecording": f"ResourceReference Type SoundRecordingEdition RecordingFormat WorkId {_SHOWN}"
        " Contributor Character ResourceRightsController WorkRightsController CourtesyLine Duration"
        " CreationDate MasteredDate RemasteredDate FirstPublicationDate LocationAndDateOfSession"
        " ParentalWarningType RelatedRelease RelatedResource CompositeMusicalWorkType ContainsAI IsCover"
        " HasVocalPerformance HasForegroundVocalPerformance IsInstrumental LanguageOfPerformance",
        "SoundRecordingEdition": "Type ResourceId EditionContributor PLine RecordingMode TechnicalDetails",
        "Image": "ResourceReference Type ResourceId Contributor CLine CourtesyLine CreationDate"
        " FirstPublicationDate ParentalWarningType RelatedRelease RelatedResource ContainsAI"
        " ContainsHiddenContent Description TechnicalDetails",
        "Release": _RELEASE_4.format(genre="DisplayGenre", ai=" ContainsAI"),
        "DeliveryFile": "Type ContainerFormat AudioCodecType BitRate OriginalBitRate NumberOfChannels"
        " NumberOfAudioObjects SamplingRate OriginalSamplingRate BitsPerSample Duration BitDepth File",
    },
    "4.1.1": {
        **_ORDERS_4,
        "SoundRecording": f"ResourceReference Type ResourceId WorkId {_TITLED} AdditionalTitle VersionType"
        " DisplayArtistName DisplayArtist Contributor Character ResourceRightsController WorkRightsController"
        " PLine CourtesyLine Duration CreationDate MasteredDate RemasteredDate FirstPublicationDate"
        " ParentalWarningType RelatedRelease RelatedResource CompositeMusicalWorkType IsCover IsInstrumental"
        " ContainsHiddenContent IsRemastered IsHiResMusic DisplayCredits LanguageOfPerformance"
        " AudioChannelConfiguration TechnicalDetails",
        "Image": "ResourceReference Type ResourceId Contributor CLine CourtesyLine CreationDate"
        " FirstPublicationDate ParentalWarningType TechnicalDetails",
        "Release": _RELEASE_4.format(genre="Genre", ai=""),
    },
    "3.8.2": {
        "NewReleaseMessage": "MessageHeader UpdateIndicator WorkList CueSheetList ResourceList CollectionList"
        " ReleaseList DealList",
        "MessageHeader": _ORDERS_4["MessageHeader"],
        "SoundRecording": "SoundRecordingType IsArtistRelated SoundRecordingId IndirectSoundRecordingId"
        " ResourceMusicalWorkReferenceList ResourceContainedResourceReferenceList ResourceReference"
        " ReferenceTitle InstrumentationDescription IsMedley IsPotpourri IsInstrumental IsBackground"
        " IsHiddenResource IsBonusResource IsComputerGenerated IsRemastered LanguageOfPerformance Duration"
        " SoundRecordingDetailsByTerritory",
        "Release": "ReleaseId ExternalResourceLink SalesReportingProxyReleaseId ReleaseReference"
        " ReferenceTitle ReleaseResourceReferenceList ResourceOmissionReason ReleaseCollectionReferenceList"
        " ReleaseType ReleaseDetailsByTerritory",
        "ReleaseId": "GRid ISRC ICPN CatalogNumber ProprietaryId",
        "DealTerms": "IsPreOrderDeal CommercialModelType Usage AllDealsCancelled TakeDown TerritoryCode"
        " ExcludedTerritoryCode DistributionChannel ExcludedDistributionChannel PriceInformation"
        " IsPromotional PromotionalCode ValidityPeriod",
        "Genre": "GenreText SubGenre",
        "HashSum": "HashSum HashSumAlgorithmType",
    },
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", VERSIONS)
def test_elements_stand_in_the_schema_s_order(version: str, kind: str, tmp_path: Path) -> None:
    root = ElementTree.fromstring(message(ingredients(kind, version, tmp_path)))
    checked = set()
    for parent in root.iter():
        name = parent.tag.partition("}")[2] or parent.tag
        # A genre of 3.8.2 has its text inside; a role of 4.3 its value: neither has an order.
        order = ORDERS[version].get(name, "").split()
        children = [child.tag for child in parent]
        if not order or not children:
            continue
        assert [child for child in children if child not in order] == [], name
        places = [order.index(child) for child in children]
        assert places == sorted(places), (name, children)
        checked.add(name)
    assert {"NewReleaseMessage", "MessageHeader", "SoundRecording", "Release", "DealTerms"} <= checked


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", VERSIONS)
def test_no_element_is_empty(version: str, kind: str, tmp_path: Path) -> None:
    root = ElementTree.fromstring(message(ingredients(kind, version, tmp_path)))
    assert [
        element.tag for element in root.iter() if not len(element) and not (element.text or "").strip()
    ] == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", VERSIONS)
def test_values_have_the_schema_s_patterns(version: str, kind: str, tmp_path: Path) -> None:
    root = ElementTree.fromstring(message(ingredients(kind, version, tmp_path)))
    patterns = {
        "ISRC": r"[a-zA-Z]{2}[a-zA-Z0-9]{3}[0-9]{7}",
        "Duration": r"-?P.*T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?",
        "ResourceReference": r"A[\d\-_a-zA-Z]+",
        "ReleaseReference": r"R[\d\-_a-zA-Z]+",
        "PartyReference": r"P[\d\-_a-zA-Z]+",
        "TechnicalResourceDetailsReference": r"T[\d\-_a-zA-Z]+",
        "Year": r"\d{4}",
        "ReleaseDate": r"\d{4}-\d\d-\d\d",
        "LanguageOfPerformance": r"[a-z]{2,3}",
        "MessageCreatedDateTime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
    }
    if version != "3.8.2":
        patterns["PartyId"] = r"PADPIDA[a-zA-Z0-9]+"
    for element in root.iter():
        if element.tag in patterns:
            assert re.fullmatch(patterns[element.tag], element.text or ""), (element.tag, element.text)


@pytest.mark.skipif(not SCHEMAS, reason="DDEX_SCHEMAS names no folder with DDEX's schemas")
def test_messages_are_valid_by_the_standard_s_own_schemas(tmp_path: Path) -> None:
    found = {}
    for version in VERSIONS:
        schema = etree.XMLSchema(etree.parse(Path(SCHEMAS, FOLDERS[version], "release-notification.xsd")))
        for kind in KINDS:
            schema.validate(etree.fromstring(message(ingredients(kind, version, tmp_path))))
            found[version, kind] = [error.message for error in schema.error_log]
    assert {key: problems for key, problems in found.items() if problems} == {}
