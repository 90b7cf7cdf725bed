"""What messages about songs look like: the question, its answer, and the notes about releases."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from aiartist.artist_db.v1.artist_db_pb2 import StoredTake
from aiartist.common.v1.audio_pb2 import Review
from aiartist.common.v1.brief_pb2 import Brief, ModelUse, Section
from aiartist.common.v1.decision_pb2 import SILENCE_ANSWER_AUTOPILOT, SILENCE_ANSWER_EXPIRE
from aiartist.notifier.v1.notifier_pb2 import RequestApprovalRequest
from services.chassis.advisory import strong_words
from services.chassis.genres import spoken
from services.notifier.domain import expiry, review_checks, review_doubts
from services.notifier.hours import told
from services.notifier.peers import Song
from services.notifier.store.approvals import Approval, TakeOnOffer, Verdict
from services.notifier.telegram.post import Button, File, Keyboard, Post, Shape, rows
from services.notifier.telegram.text import (
    CAPTION_MOST,
    MESSAGE_MOST,
    NOTHING,
    Rich,
    bold,
    fitting,
    italic,
    joined,
    one_line,
    plain,
    quote,
    size_of,
)

FOR_THE_ANSWER = 300
"""Units of a question's text that stay free for what was decided about it."""
TAKES_MOST = 4
"""Takes on offer at once; Telegram shows that many buttons in a row legibly."""
_DOUBTS_MOST = 6
_CHECKS_MOST = 30
_CHECK_MOST = 120

QUICK_REASONS = {
    "words": "The lyrics do not work",
    "tune": "The melody does not stick",
    "sound": "It does not sound good",
    "style": "It is not like the artist",
    "again": "Too much like an earlier song",
    "cover": "The cover does not fit",
}

AFTER_SILENCE = "autopilot after silence"
"""How the scheduler signs what autopilot decides about a question that nobody answered."""
_ENDINGS = {
    "APPROVED": "✅ Approved",
    "AUTOPILOT_APPROVED": "🤖 Approved by autopilot",
    "REJECTED": "❌ Rejected",
    "REGENERATE_TAKE": "🔁 Another take wanted",
    "REGENERATE_BRIEF": "✍️ To be rewritten",
    "EXPIRED": "⌛ Expired: nobody answered",
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question as posts, in order: the last one carries the buttons."""

    posts: Sequence[Post]
    takes: Sequence[TakeOnOffer]


def question(
    request: RequestApprovalRequest,
    song: Song,
    *,
    message_id: str,
    shown: set[str],
    where: ZoneInfo,
    silent: bool,
) -> Question:
    """The question about a take; takes whose ids are in `shown` are in the chat already."""
    current = song.take(request.take_id)
    # Not those of an earlier brief: that is another song.
    earlier = [take for take in song.takes if take.id != current.id and take.brief_id == current.brief_id]
    offered = earlier[-(TAKES_MOST - 1) :]
    offered = sorted([*offered, current], key=lambda take: take.take_number) if current.id else offered
    takes = [TakeOnOffer(take.take_number, take.id, take.content_digest) for take in offered]
    if not current.id:
        takes.append(TakeOnOffer(request.take_number or 1, request.take_id, request.content_digest))
    keyboard = question_keyboard(message_id, takes)
    others = [take for take in offered if take.id != request.take_id and take.id not in shown]
    room = CAPTION_MOST - FOR_THE_ANSWER
    header = [_headline(request.title, request.artist_name), _about(song.brief.brief, request.take_number)]
    review = current.review if current.id else request.review
    posts = _opening(header, song, current, silent=silent, more=_check_list(review))
    for take in others:
        facts = fitting([bold(f"Take {take.take_number}"), *take_facts(take.review)], room)
        posts.append(_audio(take, request, facts, silent=True))
    closing = [
        bold(f"Release “{one_line(request.title, 80) or 'untitled'}”?"),
        *measured(review),
        _advisory(song.brief.brief),
        *model_facts(song.uses, song.cost_micro_usd),
        _silence(request, where),
        # Last, because there may be many: what does not fit is a doubt, and never the cost or the deadline.
        *doubts(review),
    ]
    if current.preview.path:
        card = _audio(current, request, fitting(closing, room), silent=True, keyboard=keyboard)
    else:
        nothing = italic(f"There is nothing to listen to here; the audio is {one_line(request.audio.path)}")
        closing.insert(1, nothing)
        card = Post(fitting(closing, room).html, keyboard=keyboard, silent=True)
    return Question([*posts, card], takes)


def question_keyboard(message_id: str, takes: Sequence[TakeOnOffer]) -> Keyboard:
    """The decisions; where there are several takes, one is picked with the approval."""
    if len(takes) > 1:
        approve = [Button(f"✅ Take {take.number}", f"q:ok:{message_id}:{take.number}") for take in takes]
    else:
        approve = [Button("✅ Approve", f"q:ok:{message_id}:{takes[0].number}")]
    return rows(
        approve,
        [
            Button("🔁 Another take", f"q:take:{message_id}"),
            Button("✍️ Rewrite", f"q:rewrite:{message_id}"),
        ],
        [Button("❌ Reject", f"q:reject:{message_id}")],
    )


def wish_keyboard(message_id: str, verb: str) -> Keyboard:
    """Whether another take (`take`) or a rewrite (`rewrite`) comes with a note."""
    return rows(
        [
            Button("Without a note", f"q:{verb}.go:{message_id}"),
            Button("📝 Write a note", f"q:{verb}.note:{message_id}"),
        ],
        [Button("« Back", f"q:back:{message_id}")],
    )


def reason_keyboard(message_id: str) -> Keyboard:
    """Why it is rejected."""
    buttons = [Button(text, f"q:reject.{key}:{message_id}") for key, text in QUICK_REASONS.items()]
    return rows(
        *([button] for button in buttons),
        [
            Button("📝 Another reason", f"q:reject.note:{message_id}"),
            Button("« Back", f"q:back:{message_id}"),
        ],
    )


def answered(post: Post, ended: Verdict, where: ZoneInfo, *, take: int = 0) -> Post:
    """The question's last post with what was decided, by whom and when, and without buttons; with `take`,
    which of several."""
    what, *more = _ending(ended, where, take)
    answer = joined([bold(what), *map(plain, more)], " ")
    if ended.reason:
        answer = joined([answer, quote(plain(one_line(ended.reason, FOR_THE_ANSWER - answer.size - 40)))])
    return replace(post, html=f"{post.html}\n\n{answer.html}", keyboard=())


def signed(decided_by: str) -> str:
    """Who decided, for people."""
    name = one_line(decided_by.removeprefix("telegram:"), 60)
    return f"{name.removeprefix('cli:')} (command line)" if name.startswith("cli:") else name


def ending(ended: Verdict, where: ZoneInfo, *, take: int = 0) -> str:
    """What was decided, by whom and when, in a line of plain text."""
    return " ".join(_ending(ended, where, take))


def picked(approval: Approval, ended: Verdict) -> int:
    """The number of the take that was approved; 0 where there was no choice."""
    if ended.verdict != "APPROVED" or len(approval.takes) < 2:
        return 0
    return next((take.number for take in approval.takes if take.content_digest == ended.content_digest), 0)


def _ending(ended: Verdict, where: ZoneInfo, take: int) -> list[str]:
    """What was decided, by whom, when."""
    parts = [f"✅ Take {take} approved" if take else _ENDINGS.get(ended.verdict, "🚫 Over")]
    if ended.verdict and ended.verdict not in ("AUTOPILOT_APPROVED", "EXPIRED"):
        parts.append(f"by {signed(ended.decided_by)}")
    elif ended.decided_by == AFTER_SILENCE:
        parts.append("because nobody answered")
    if ended.decided_at is not None:
        parts.append(f"· {told(ended.decided_at, where)}")
    return parts


def song_posts(
    lines: Sequence[Rich],
    song: Song,
    take: StoredTake,
    *,
    artist_name: str,
    keyboard: Keyboard,
    silent: bool,
    sound: bool,
) -> list[Post]:
    """A note about a song: its cover with the lines, and with `sound` lyrics and audio too; the last has the
    buttons."""
    posts = (
        _opening(lines, song, take, silent=silent)
        if sound
        else [_picture(take.cover, fitting(lines, CAPTION_MOST).html, silent=silent)]
    )
    if sound and take.preview.path:
        facts = fitting(
            [*take_facts(take.review), *model_facts(song.uses, song.cost_micro_usd)], CAPTION_MOST
        )
        request = RequestApprovalRequest(title=song.brief.brief.title, artist_name=artist_name)
        posts.append(_audio(take, request, facts, silent=True))
    posts[-1] = replace(posts[-1], keyboard=keyboard)
    return posts


def measured(review: Review) -> list[Rich]:
    """What the machine measured, for people: length, loudness, peak, tempo, key."""
    if not review.checks and not review.duration_ms:
        return []
    seconds = round(review.duration_ms / 1000)
    sound = [
        f"{seconds // 60}:{seconds % 60:02}",
        f"{review.loudness_lufs:.1f} LUFS",
        f"peak {review.true_peak_dbtp:.1f} dBTP",
    ]
    music = []
    if review.tempo_bpm:
        music.append(f"{review.tempo_bpm:.0f} bpm")
    if review.key:
        music.append(one_line(review.key, 20))
    lines = [plain("⏱ " + " · ".join(sound))]
    if music:
        lines.append(plain("🎼 " + " · ".join(music)))
    return lines


def doubts(review: Review) -> list[Rich]:
    """What the machine doubted, for people; a line that says so where it doubted nothing."""
    if not review.checks and not review.duration_ms:
        return []
    found = review_doubts(review)
    lines = [plain(f"⚠️ {one_line(doubt, 120)}") for doubt in found[:_DOUBTS_MOST]]
    if len(found) > _DOUBTS_MOST:
        lines.append(plain(f"⚠️ and {len(found) - _DOUBTS_MOST} more"))
    return lines or [plain("✔️ The review found nothing to doubt")]


def take_facts(review: Review) -> list[Rich]:
    """What the machine measured and doubted, for people."""
    return [*measured(review), *doubts(review)]


def model_facts(uses: Iterable[ModelUse], cost_micro_usd: int) -> list[Rich]:
    """Which models worked on it, and what it cost so far."""
    calls: dict[str, int] = {}
    for use in uses:
        calls[use.model] = calls.get(use.model, 0) + use.calls
    models = ", ".join(f"{one_line(model, 40)} ×{count}" for model, count in list(calls.items())[:4])
    lines = [plain(f"🤖 {models}")] if models else []
    return [*lines, plain(f"💵 {usd(cost_micro_usd)} so far")]


def usd(micro: int) -> str:
    """Millionths of a US dollar, for people: four digits below a cent, else two."""
    return f"${micro / 1e6:.2f}" if micro == 0 or micro >= 10_000 else f"${micro / 1e6:.4f}"


def _headline(title: str, artist: str) -> Rich:
    return joined(
        [bold(one_line(title, 80) or "untitled"), plain(f"by {one_line(artist, 80)}" if artist else "")], " "
    )


def _about(brief: Brief, take_number: int) -> Rich:
    facts = [f"take {take_number}" if take_number else "", spoken(brief.genre), brief.mood, brief.theme]
    return plain(" · ".join(one_line(fact, 60) for fact in facts if fact))


def _opening(
    header: Sequence[Rich], song: Song, take: StoredTake, *, silent: bool, more: Rich = NOTHING
) -> list[Post]:
    """The cover with the title, then the lyrics and `more`: with them where they fit, else in messages after
    it."""
    words = lyrics(song.brief.brief)
    sung = joined([*header, quote(plain(words), folded=True)])
    everything = joined([sung, more])
    if everything.size <= CAPTION_MOST:
        return [_picture(take.cover, everything.html, silent=silent)]
    if sung.size <= CAPTION_MOST:
        return [_picture(take.cover, sung.html, silent=silent), *_messages(more)]
    cover = _picture(take.cover, fitting(header, CAPTION_MOST).html, silent=silent)
    if not words:
        return [cover, *_messages(more)]
    text = Rich()
    for kept in (words, _shortened(words)):
        text = joined([bold("Lyrics"), quote(plain(kept), folded=True)])
        if text.size <= MESSAGE_MOST:
            break
    return [cover, *_messages(text, more)]


def _messages(*texts: Rich) -> list[Post]:
    """These texts as one message where they fit, else as one each; none for nothing."""
    whole = joined(texts)
    kept = [whole] if whole.size <= MESSAGE_MOST else texts
    return [Post(text.html, silent=True) for text in kept if text]


def _check_list(review: Review) -> Rich:
    """Every check of the review with its number and what is allowed, folded away."""
    lines = [one_line(line, _CHECK_MOST) for line in review_checks(review)]
    shown = lines[:_CHECKS_MOST]
    if len(lines) > len(shown):
        shown.append(f"… and {len(lines) - len(shown)} more")
    passed = sum(check.outcome == check.OUTCOME_PASS for check in review.checks)
    headline = bold(f"Review: {passed} of {len(review.checks)} checks passed")
    return joined([headline, quote(plain("\n".join(shown)), folded=True)]) if shown else NOTHING


def lyrics(brief: Brief) -> str:
    """The words, section by section; empty where nobody sings."""
    parts = []
    for section in brief.sections:
        if section.lines:
            kind = Section.Kind.Name(section.kind).removeprefix("KIND_").replace("_", " ").lower()
            parts.append("\n".join([f"[{kind}]", *(one_line(line, 200) for line in section.lines)]))
    return "\n\n".join(parts)


def _shortened(words: str) -> str:
    """As many whole lines as a message holds."""
    kept, size = [], 60
    for line in words.split("\n"):
        size += size_of(line) + 1
        if size > MESSAGE_MOST - 100:
            break
        kept.append(line)
    return "\n".join([*kept, "… (the rest does not fit here)"])


def _advisory(brief: Brief) -> Rich:
    """That the release will be flagged as explicit, and because of which words."""
    texts = [brief.title, *(line for section in brief.sections for line in section.lines)]
    found = strong_words(texts, brief.language or "en")
    return plain(f"🔞 Parental advisory: {one_line(', '.join(found), 80)}") if found else NOTHING


def _silence(request: RequestApprovalRequest, where: ZoneInfo) -> Rich:
    until = expiry(request)
    if until is None:
        return Rich()
    then = {
        SILENCE_ANSWER_AUTOPILOT: "then autopilot approves it",
        SILENCE_ANSWER_EXPIRE: "then it expires",
    }.get(request.on_silence, "then it expires")
    return plain(f"⌛ Until {told(until, where)}, {then}")


def _picture(cover: object, text: str, *, silent: bool) -> Post:
    path = getattr(cover, "path", "")
    if not path:
        return Post(text, silent=silent)
    return Post(text, Shape.PHOTO, file=File.of(cover), silent=silent)  # type: ignore[arg-type]


def _audio(
    take: StoredTake, request: RequestApprovalRequest, facts: Rich, *, silent: bool, keyboard: Keyboard = ()
) -> Post:
    if not take.preview.path:
        return Post(facts.html, keyboard=keyboard, silent=silent)
    name = one_line(request.title, 60) or "untitled"
    return Post(
        facts.html,
        Shape.AUDIO,
        keyboard=keyboard,
        file=File.of(take.preview),
        thumbnail=File.of(take.thumbnail) if take.thumbnail.path else None,
        title=f"{name} (take {take.take_number})" if take.take_number else name,
        performer=one_line(request.artist_name, 60),
        duration_s=round(take.review.duration_ms / 1000),
        silent=silent,
    )
