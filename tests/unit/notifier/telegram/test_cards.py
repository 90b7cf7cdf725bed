"""The question: it fits Telegram's limits whatever song it is about, and its buttons say one thing each."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiartist.artist_db.v1.artist_db_pb2 import StoredBrief, StoredTake
from aiartist.common.v1.audio_pb2 import Artifact, Review, ReviewCheck
from aiartist.common.v1.brief_pb2 import Brief, ModelUse, Section
from aiartist.notifier.v1.notifier_pb2 import RequestApprovalRequest
from services.notifier.hours import zone
from services.notifier.peers import Song
from services.notifier.store.approvals import TakeOnOffer, Verdict
from services.notifier.telegram import cards
from services.notifier.telegram.post import Post, Shape
from services.notifier.telegram.text import CAPTION_MOST, MESSAGE_MOST, size_of
from tests.unit.notifier.telegram.reading import read

MESSAGE_ID = "msg_01234567890123456789012345"
UTC_ZONE = zone("UTC")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def take(number: int, **fields: object) -> StoredTake:
    review = Review(passed=True, duration_ms=94_300, loudness_lufs=-14, true_peak_dbtp=-1.2, tempo_bpm=118)
    made = StoredTake(
        id=f"tak_{number}", take_number=number, content_digest=f"sha256:{number}", review=review
    )
    for name in ("preview", "cover", "thumbnail"):
        getattr(made, name).CopyFrom(Artifact(path=f"takes/{number}/{name}", size_bytes=1))
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def request(**fields: object) -> RequestApprovalRequest:
    values: dict[str, object] = {
        "run_id": "run_1", "take_id": "tak_1", "title": "Neon Rain", "artist_name": "Nova Vale",
        "content_digest": "sha256:1", "take_number": 1,
    }  # fmt: skip
    return RequestApprovalRequest(**{**values, **fields})  # type: ignore[arg-type]


def ask(asked: RequestApprovalRequest, song: Song, shown: set[str] | None = None) -> cards.Question:
    return cards.question(
        asked, song, message_id=MESSAGE_ID, shown=shown or set(), where=UTC_ZONE, silent=False
    )


def visible(post: Post) -> str:
    return read(post.html)


@settings(max_examples=60)
@given(
    title=TEXT,
    artist=TEXT,
    lines=st.lists(TEXT, max_size=40),
    doubts=st.lists(TEXT, max_size=12),
    models=st.lists(TEXT, max_size=6),
    reason=TEXT,
    takes=st.integers(1, 7),
)
def test_any_song_fits_and_so_does_what_was_decided_about_it(
    title: str, artist: str, lines: list[str], doubts: list[str], models: list[str], reason: str, takes: int
) -> None:
    made = [take(number) for number in range(1, takes + 1)]
    for doubt in doubts:
        made[-1].review.checks.add(name=doubt[:40], outcome=ReviewCheck.OUTCOME_WARN, message=doubt)
    brief = Brief(title=title, genre="synthwave", mood=artist, theme=title)
    brief.sections.add(kind=Section.KIND_VERSE, lines=lines)
    song = Song(StoredBrief(brief=brief), tuple(made), tuple(ModelUse(model=m, calls=1) for m in models), 12)
    asked = ask(request(title=title, artist_name=artist, take_id=made[-1].id, take_number=takes), song)
    ended = Verdict("REJECTED", f"telegram:{artist}", datetime(2026, 1, 1, tzinfo=UTC), reason)
    for post in [*asked.posts, cards.answered(asked.posts[-1], ended, UTC_ZONE)]:
        most = MESSAGE_MOST if post.shape is Shape.TEXT else CAPTION_MOST
        assert 0 < size_of(visible(post)) <= most
        assert all(len(button.data.encode()) <= 64 for row in post.keyboard for button in row)
        assert all(len(row) <= 4 for row in post.keyboard)
    assert [bool(post.keyboard) for post in asked.posts] == [False] * (len(asked.posts) - 1) + [True]


def test_takes_that_the_chat_has_are_offered_and_not_sent_again() -> None:
    song = Song(takes=(take(1), take(2), take(3)))
    asked = ask(request(take_id="tak_3", take_number=3), song, shown={"tak_1", "tak_2"})
    assert [post.title for post in asked.posts if post.shape is Shape.AUDIO] == ["Neon Rain (take 3)"]
    assert [offered.number for offered in asked.takes] == [1, 2, 3]
    assert [button.text for button in asked.posts[-1].keyboard[0]] == ["✅ Take 1", "✅ Take 2", "✅ Take 3"]


def test_every_check_of_the_review_is_there_folded_away() -> None:
    made = take(1)
    for number in range(40):
        made.review.checks.add(
            name=f"check_{number}", outcome=ReviewCheck.OUTCOME_PASS, measured=number, maximum=50
        )
    brief = Brief(title="Neon Rain")
    brief.sections.add(kind=Section.KIND_VERSE, lines=["la " * 20] * 20)
    asked = ask(request(), Song(StoredBrief(brief=brief), (made,)))
    [text] = [visible(post) for post in asked.posts if post.shape is Shape.TEXT]
    assert "Review: 40 of 40 checks passed" in text
    assert "✅ check_29 29 (at most 50)\n… and 10 more" in text


def test_of_many_takes_the_newest_are_offered() -> None:
    song = Song(takes=tuple(take(number) for number in range(1, 9)))
    asked = ask(request(take_id="tak_8", take_number=8), song)
    assert [offered.number for offered in asked.takes] == [5, 6, 7, 8]


def test_a_take_of_an_older_version_is_asked_about_without_its_files() -> None:
    bare = StoredTake(id="tak_1", take_number=1, content_digest="sha256:1")
    asked = ask(request(audio=Artifact(path="takes/1/master.flac")), Song(takes=(bare,)))
    assert [post.shape for post in asked.posts] == [Shape.TEXT, Shape.TEXT]
    assert "takes/1/master.flac" in visible(asked.posts[-1])
    assert asked.posts[-1].keyboard


@pytest.mark.parametrize(
    ("ended", "told"),
    [
        (Verdict("APPROVED", "telegram:Vera", None, ""), "✅ Approved by Vera"),
        (Verdict("REJECTED", "cli:paul", None, "dull"), "❌ Rejected by paul (command line)\ndull"),
        (
            Verdict("AUTOPILOT_APPROVED", "autopilot after silence", None, ""),
            "🤖 Approved by autopilot because nobody answered",
        ),
        (Verdict("EXPIRED", "clock", None, ""), "⌛ Expired: nobody answered"),
        (Verdict("", "", None, "cancelled: wrong artist"), "🚫 Over\ncancelled: wrong artist"),
    ],
)
def test_every_ending_is_told(ended: Verdict, told: str) -> None:
    post = cards.answered(Post("facts", keyboard=cards.reason_keyboard(MESSAGE_ID)), ended, UTC_ZONE)
    assert visible(post) == f"facts\n\n{told}"
    assert post.keyboard == ()


def test_a_reason_cannot_pretend_to_be_a_decision() -> None:
    ended = Verdict("REJECTED", "telegram:Vera", None, "no\n\n✅ Approved by Vera")
    lines = visible(cards.answered(Post("facts"), ended, UTC_ZONE)).split("\n")
    assert not any(line.startswith("✅") for line in lines)


def test_every_button_of_a_question_means_something_else() -> None:
    takes = [TakeOnOffer(1, "tak_1", "d1"), TakeOnOffer(2, "tak_2", "d2")]
    for keyboard in (
        cards.question_keyboard(MESSAGE_ID, takes),
        cards.wish_keyboard(MESSAGE_ID, "take"),
        cards.reason_keyboard(MESSAGE_ID),
    ):
        data = [button.data for row in keyboard for button in row]
        assert len(data) == len(set(data))


@pytest.mark.parametrize(("line", "told"), [("I was fucked up", True), ("I was born in Scunthorpe", False)])
def test_words_that_need_an_advisory_are_told_before_anybody_decides(line: str, told: bool) -> None:
    brief = Brief(title="Neon Rain", language="en")
    brief.sections.add(kind=Section.KIND_VERSE, lines=[line])
    asked = ask(request(), Song(StoredBrief(brief=brief), (take(1),)))
    assert ("🔞 Parental advisory: fucked" in visible(asked.posts[-1])) is told


def test_money_is_told_to_the_cent_and_small_sums_finer() -> None:
    assert [cards.usd(n) for n in (0, 1_234, 12_300, 2_500_000)] == ["$0.00", "$0.0012", "$0.01", "$2.50"]
