"""What people write, and what they mean by it."""

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1.persona_pb2 import Persona
from services.chassis.errors import RemoteError
from services.notifier.panel import budget, finding, orders, refusals
from services.notifier.panel.refusals import Refused

FAILED = grpc.StatusCode.FAILED_PRECONDITION
ROSTER = [
    db.Artist(id=f"art_{number}", persona=Persona(name=name))
    for number, name in enumerate(["Nova Vale", "Nova Reborn", "Nova", "Ada & the <b>s", "Ümlaut Club"])
]


def meant(given: str) -> tuple[list[str], bool]:
    found = finding.match(given, ROSTER)
    return [artist.persona.name for artist in found.artists], found.near


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("nova vale", "Nova Vale"),
        ("  NOVA   VALE ", "Nova Vale"),
        ("nova", "Nova"),
        ("nova r", "Nova Reborn"),
        ("ümlaut", "Ümlaut Club"),
        ("ada & the <b>s", "Ada & the <b>s"),
        ("art_1", "Nova Reborn"),
    ],
)
def test_a_name_is_found_however_it_is_written(given: str, name: str) -> None:
    assert meant(given) == ([name], False)


def test_the_beginning_of_several_names_is_a_choice() -> None:
    assert meant("nov") == (["Nova Vale", "Nova Reborn", "Nova"], False)


def test_a_name_with_a_slip_of_the_finger_offers_the_nearest() -> None:
    names, near = meant("Nova Vail")
    assert near
    assert names[0] == "Nova Vale"


def test_a_name_like_no_other_offers_nobody() -> None:
    assert meant("qqqqqqqqqqqqqqqq") == ([], True)
    assert meant("\u200e") == ([], True)


def test_names_may_have_colons_and_wishes_too() -> None:
    assert finding.split_wish("Nova: Reborn: slower: please") == [
        ("Nova: Reborn: slower: please", ""),
        ("Nova: Reborn: slower", "please"),
        ("Nova: Reborn", "slower: please"),
        ("Nova", "Reborn: slower: please"),
    ]
    assert finding.split_wish("Nova") == [("Nova", "")]


@pytest.mark.parametrize(
    ("given", "micro_usd"),
    [("5", 5_000_000), ("0.50", 500_000), ("$5", 5_000_000), ("0", 0), ("0.000001", 1), ("OFF", None)],
)
def test_amounts_are_dollars(given: str, micro_usd: int | None) -> None:
    assert budget.micro_usd(given) == micro_usd


@pytest.mark.parametrize("given", ["", "-5", "five", "1e3", "1,5", "0.0000001", "1000001", "٥", "5 6", "<b>"])
def test_what_is_no_amount_is_refused_with_an_example(given: str) -> None:
    with pytest.raises(Refused) as refused:
        budget.micro_usd(given)
    assert "/budget day 5" in refused.value.screen.text.html


@pytest.mark.parametrize(
    ("rest", "changes"),
    [
        ("", False),
        ("day", False),
        ("day 5", True),
        ("day five", True),
        ("artist Nova", False),
        ("artist Nova 5", True),
        ("artist Nova off", True),
        ("run run_0q8w", False),
        ("run run_0q8w 0.5", True),
    ],
)
def test_a_budget_is_changed_only_where_an_amount_is_given(rest: str, changes: bool) -> None:
    assert orders.names_an_amount(rest) is changes


@pytest.mark.parametrize(
    "error",
    [
        RemoteError(code, "INTERNAL <b>", reason=reason, metadata=metadata)
        for code, reason, metadata in [
            (FAILED, "ERROR_REASON_WRONG_STATE", {"kind": "run", "state": "AWAITING_APPROVAL"}),
            (FAILED, "ERROR_REASON_WRONG_STATE", {}),
            (FAILED, "ERROR_REASON_INVALID_INPUT", {}),
            (FAILED, "ERROR_REASON_REQUEST_ID_REUSED", {}),
            (FAILED, "ERROR_REASON_ROLE_TOO_LOW", {}),
            (FAILED, "ERROR_REASON_UNAUTHENTICATED", {}),
            (FAILED, "ERROR_REASON_FROM_LATER", {}),
        ]
    ],
)
def test_every_refusal_of_a_service_reads_as_a_sentence(error: RemoteError) -> None:
    text = refusals.toast(refusals.reason(error))
    assert 20 < len(text) <= refusals.TOAST_MOST
    assert text[0].isupper()
    assert "ERROR_REASON" not in text
