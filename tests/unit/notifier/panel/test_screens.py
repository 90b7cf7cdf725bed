"""Whatever people and models call things, a screen is one that Telegram takes and a phone holds."""

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import artist_state_pb2, life_pb2
from aiartist.artist_db.v1 import experiment_pb2 as exp
from aiartist.common.v1 import decision_pb2
from aiartist.common.v1.audio_pb2 import Artifact
from aiartist.common.v1.persona_pb2 import Persona
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from services.chassis.ids import derived_id
from services.notifier.panel import (
    artists,
    budget,
    errors,
    experiments,
    finding,
    menu,
    persona,
    proposals,
    releases,
    runs,
    status,
    waiting,
)
from services.notifier.panel.pages import SIZE, Page
from services.notifier.panel.screen import Screen
from services.notifier.people import Person, Role
from services.notifier.store.approvals import Approval, Verdict
from tests.support.fake_telegram.html_text import parse_html
from tests.support.fake_telegram.records import utf16_length

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LINES_MOST = 25
PHONE_WIDTH, PHONE_LINES = 42, 30
SILENCE_NAMES = {"hold", "expire", "autopilot"}

HOSTILE = (
    "<b>", "</b>", "</blockquote></b>", "&lt;", "&", '"', "<a href='tg://user?id=1'>", "\n", "\r\n",
    "\u2028", "\u202e", "\u200e", "\x00", "🎧", "👩‍🚀", "x" * 200, "*_`[", "\U0010ffff",
)  # fmt: skip
words = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=200),
    st.lists(st.sampled_from(HOSTILE), max_size=30).map("".join),
)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2026, 3, 1)).map(lambda m: m.replace(tzinfo=UTC))
numbers = st.integers(0, 2**40)


def an_id(prefix: str) -> st.SearchStrategy[str]:
    return st.integers().map(lambda number: derived_id(prefix, str(number)))


def stamp(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made


stamps = moments.map(stamp)


@st.composite
def some_artists(draw: st.DrawFn) -> db.Artist:
    cadence = draw(
        st.one_of(
            st.just(db.Cadence()),
            st.builds(db.Cadence, interval_s=st.integers(60, 31_536_000)),
            st.builds(db.Cadence, cron=words),
        )
    )
    return db.Artist(
        id=draw(an_id("art")),
        persona=Persona(name=draw(words), genre=draw(words), themes=[draw(words)], style=draw(words)),
        state_reason=draw(words),
        state_since=draw(st.one_of(st.none(), stamps)),
        evolve=draw(st.sampled_from(db.Evolve.values())),
        persona_version=draw(st.integers(0, 2**32 - 1)),
        cadence=cadence,
        autopilot_enabled=draw(st.booleans()),
        state=draw(st.sampled_from(artist_state_pb2.ArtistState.values())),
        on_silence=draw(st.sampled_from(decision_pb2.SilenceAnswer.values())),
    )


some_changes = st.builds(
    life_pb2.PersonaChange,
    id=an_id("chg"),
    artist_id=an_id("art"),
    state=st.sampled_from(life_pb2.PersonaChange.State.values()),
    change=st.one_of(st.none(), st.builds(life_pb2.FieldChange, field=words, to=words)),
    created_at=stamps,
)
moves = st.builds(
    life_pb2.Move,
    id=an_id("mov"),
    from_state=st.sampled_from(artist_state_pb2.ArtistState.values()),
    can_undo=st.booleans(),
)
lives = st.builds(
    artists.Life,
    st.just(NOW),
    st.one_of(st.none(), moves),
    st.one_of(st.none(), st.lists(some_changes, max_size=5)),
)
versions = st.builds(db.PersonaVersion, version=st.integers(0, 99_999), reason=words, created_at=stamps)
histories = st.builds(
    persona.History,
    st.one_of(st.none(), st.lists(versions, max_size=persona.VERSIONS_SHOWN)),
    st.one_of(st.none(), st.lists(some_changes, max_size=persona.CHANGES_SHOWN)),
)
arm_counts = st.integers(0, 9_999)
results = st.builds(
    exp.ArmResult,
    arm=words,
    assigned=arm_counts,
    outcomes=arm_counts,
    mean=st.floats(),
    low=st.floats(-1, 2),
    high=st.floats(-1, 2),
)
experiments_ = st.builds(
    exp.Experiment,
    id=an_id("exp"),
    name=words,
    state=st.sampled_from(exp.ExperimentState.values()),
    metric=st.sampled_from(exp.OutcomeMetric.values()),
    promoted_arm=words,
    results=st.lists(results, max_size=6),
    verdict=st.builds(exp.Verdict, text=words, ratio_mismatch=words),
)
decisions = st.builds(
    decision_pb2.Decision,
    verdict=st.sampled_from(decision_pb2.Verdict.values()),
    reason=words,
    decided_by=words,
    decided_at=stamps,
)
run_errors = st.builds(sched.RunError, reason=words, message=words, retryable=st.booleans())
stage_executions = st.builds(
    sched.StageExecution,
    stage=st.sampled_from(sched.StageName.values()),
    take_number=st.integers(0, 100),
    state=st.sampled_from(sched.StageExecution.State.values()),
    attempts=st.integers(0, 1_000),
    started_at=stamps,
    ended_at=st.one_of(st.none(), stamps),
)
some_runs = st.builds(
    sched.Run,
    id=an_id("run"),
    artist_id=an_id("art"),
    state=st.sampled_from(sched.RunState.values()),
    stage=st.sampled_from(sched.StageName.values()),
    stages=st.lists(stage_executions, max_size=30),
    autopilot=st.booleans(),
    take_number=st.integers(0, 100),
    takes_wanted=st.integers(0, 5),
    location=st.one_of(words, words.map("https://example.com/{}".format)),
    decision=st.one_of(st.none(), decisions),
    error=st.one_of(st.none(), run_errors),
    created_at=stamps,
    updated_at=stamps,
    approval_expires_at=st.one_of(st.none(), stamps),
    started_by=words,
    title=words,
    on_silence=st.sampled_from(decision_pb2.SilenceAnswer.values()),
)
publications = st.builds(
    db.Publication,
    target=words,
    location=st.one_of(words, words.map("https://[{}".format)),
    published_at=stamps,
)
some_releases = st.builds(
    db.StoredRelease,
    id=an_id("rel"),
    artist_id=an_id("art"),
    run_id=an_id("run"),
    title=words,
    files=st.lists(st.just(Artifact(path="a")), max_size=3),
    decision=st.one_of(st.none(), decisions),
    publications=st.lists(publications, max_size=8),
    created_at=stamps,
)
samples = st.builds(
    db.ErrorSample, message=words, text=st.one_of(words, words.map("a\n{}\n\n".format)), error_id=words
)
error_reports = st.builds(
    db.ErrorReport,
    cause=words,
    reason=words,
    by=words,
    severity=st.one_of(words, st.sampled_from(["", "low", "critical"])),
    confidence=st.floats(-1, 2),
    diff=st.one_of(words, st.just("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-\ta\n+b\n" * 60)),
    commit=words,
    explanation=words,
    test_path=words,
    proof=st.one_of(words, st.just("FAILED\n" * 90)),
)
groups = st.builds(
    db.ErrorGroup,
    fingerprint=st.integers(0, 2**128 - 1).map("{:032x}".format),
    title=st.one_of(words, st.just("asyncpg.exceptions.UniqueViolationError")),
    culprit=words,
    count=numbers,
    services=st.lists(words, max_size=6),
    first_seen=stamps,
    last_seen=stamps,
    samples=st.lists(samples, max_size=2),
    status=st.one_of(words, st.sampled_from(["fix_suggested", "fix_applied", "fix_failed"])),
    report=st.one_of(st.none(), error_reports),
    step=st.one_of(st.none(), st.builds(db.ErrorStep, kind=st.sampled_from(db.ErrorStep.Kind.values()))),
)
budgets = st.builds(
    db.Budget,
    scope=st.sampled_from(db.BudgetScope.values()),
    subject=an_id("run"),
    limit_micro_usd=numbers,
    spent_micro_usd=numbers,
    held_micro_usd=numbers,
    left_micro_usd=numbers,
    source=words,
    day=words.map(lambda _: "2026-03-01"),
)
some_approvals = st.builds(
    lambda message_id, title, artist, take, asked: Approval(
        message_id, "run_1", "art_1", title, artist, take, "", (), asked, None, Verdict("", "", None, "")
    ),
    an_id("msg"),
    words,
    words,
    st.integers(1, 100),
    moments,
)


def a_page(items: st.SearchStrategy[Any], prefix: str) -> st.SearchStrategy[Page[Any]]:
    anchors = st.one_of(st.none(), st.just(""), an_id(prefix))
    return st.builds(
        Page,
        st.lists(items, max_size=SIZE),
        st.integers(0, 2_000),
        anchors,
        anchors,
        st.booleans(),
        st.booleans(),
    )


def standing(draw: st.DrawFn) -> status.Standing:
    counts = st.builds(sched.StateCount, state=st.sampled_from(sched.RunState.values()), count=numbers)
    work = st.builds(
        sched.GetStatusResponse,
        runs=st.lists(counts, max_size=10),
        waiting_since=st.one_of(st.none(), stamps),
        places=st.integers(0, 1_000),
    )
    roster = st.builds(
        status.Roster,
        st.dictionaries(st.sampled_from(artist_state_pb2.ArtistState.values()), numbers),
        numbers,
        st.booleans(),
    )
    return status.Standing(
        draw(numbers),
        draw(st.floats(0, 1e9)),
        draw(st.one_of(st.none(), work)),
        draw(st.one_of(st.none(), roster)),
        draw(st.one_of(st.none(), st.lists(budgets, max_size=3))),
        draw(st.one_of(st.none(), numbers)),
        {name: draw(words) for name in ("scheduler", "artist_db", "release")},
    )


@st.composite
def screens(draw: st.DrawFn) -> Screen:
    """Any screen with anything on it."""
    operates, now = draw(st.booleans()), NOW
    everybody = st.dictionaries(an_id("art"), words)
    make: list[Callable[[], Screen]] = [
        lambda: artists.artist_screen(
            draw(some_artists()), "500+", draw(lives), operates=operates, ticket="t" * 16
        ),
        lambda: artists.list_screen(
            draw(a_page(some_artists(), "art")), draw(st.sampled_from(sorted(artists.PURPOSES))), "t" * 16
        ),
        lambda: runs.run_screen(
            draw(some_runs),
            runs.Around(draw(words), draw(st.one_of(st.none(), numbers)), draw(an_id("msg"))),
            operates=operates,
            now=now,
            where=BERLIN,
        ),
        lambda: runs.list_screen(
            draw(a_page(some_runs, "run")),
            draw(st.sampled_from(sorted(runs.PURPOSES))),
            draw(an_id("art")).removeprefix("art_"),
            draw(everybody),
            now,
        ),
        lambda: releases.release_screen(draw(some_releases), draw(words), BERLIN),
        lambda: releases.list_screen(
            draw(a_page(some_releases, "rel")),
            draw(an_id("art")).removeprefix("art_"),
            draw(everybody),
            BERLIN,
        ),
        lambda: errors.group_screen(draw(groups), BERLIN, operates=operates, applies=draw(st.booleans())),
        lambda: errors.list_screen(draw(a_page(groups, "err")), now),
        lambda: budget.budget_screen(
            draw(st.lists(budgets, max_size=3)), draw(words), draw(an_id("art")), operates=operates
        ),
        lambda: waiting.waiting_screen(
            draw(st.lists(some_approvals, max_size=SIZE)), draw(numbers), draw(st.integers(0, 10**9)), now
        ),
        lambda: status.status_screen(standing(draw), now, BERLIN),
        lambda: finding.choice(
            draw(words),
            finding.Matches(draw(st.lists(some_artists(), max_size=20)), near=draw(st.booleans())),
            draw(st.sampled_from([None, lambda one: finding.tap(one.persona.name, f"p:artist:{one.id}")])),
            complete=draw(st.booleans()),
        ),
        lambda: persona.persona_screen(draw(some_artists()), draw(histories), now, operates=operates),
        lambda: persona.restore_screen(draw(some_artists()), draw(st.integers(1, 99_999))),
        lambda: proposals.proposals_screen(
            proposals.Proposals(
                draw(st.lists(some_changes, max_size=SIZE + 1)),
                draw(st.lists(some_artists(), max_size=SIZE + 1)),
            ),
            draw(everybody),
            now,
        ),
        lambda: experiments.experiment_screen(draw(experiments_)),
        lambda: menu.lost_screen(draw(words.filter(str.strip))),
        lambda: menu.start_screen(Person(1, draw(st.sampled_from(list(Role))), draw(words))),
        lambda: menu.help_screen(Person(1, draw(st.sampled_from(list(Role))), draw(words))),
    ]
    return make[draw(st.integers(0, len(make) - 1))]()


@settings(max_examples=400, deadline=None)
@given(screens())
def test_telegram_takes_every_screen_and_a_phone_holds_it(screen: Screen) -> None:
    text, entities = parse_html(screen.text.html)
    assert text.strip()
    assert utf16_length(text) == screen.text.size <= 4096
    lines = text.split("\n")
    assert len(lines) <= LINES_MOST
    assert sum(max(1, math.ceil(utf16_length(line) / PHONE_WIDTH)) for line in lines) <= PHONE_LINES
    assert {entity.type for entity in entities} <= {"bold", "italic", "code", "blockquote", "text_link"}
    assert sum(map(len, screen.keyboard)) <= 20
    for row in screen.keyboard:
        assert 1 <= len(row) <= 3
        for button in row:
            assert button.text.strip()
            assert utf16_length(button.text) <= 34
            assert 1 <= len(button.data.encode()) <= 64


@pytest.mark.parametrize("purpose", sorted(runs.PURPOSES))
def test_every_list_turns_its_pages_whatever_it_is_filtered_by(purpose: str) -> None:
    artist, anchor = derived_id("art", "1"), derived_id("x", "2").removeprefix("x_")
    run = sched.Run(id=derived_id("run", "1"), artist_id=artist)
    release = db.StoredRelease(id=derived_id("rel", "1"), artist_id=artist)
    group = db.ErrorGroup(fingerprint="0" * 32)
    bare = artist.removeprefix("art_")
    lists = [
        runs.list_screen(Page([run], 7, f"run_{anchor}", f"run_{anchor}"), purpose, bare, {}, NOW),
        releases.list_screen(Page([release], 7, f"rel_{anchor}", f"rel_{anchor}"), bare, {}, BERLIN),
        errors.list_screen(Page([group], 7, "9" * 16 + "." + "f" * 32, "9" * 16 + "." + "f" * 32), NOW),
    ]
    lists += [
        artists.list_screen(Page([db.Artist(id=artist)], 7, f"art_{anchor}", f"art_{anchor}"), name, "t" * 16)
        for name in artists.PURPOSES
    ]
    for screen in lists:
        texts = [button.text for row in screen.keyboard for button in row]
        assert {"‹", "›"} <= set(texts)


def test_the_first_letter_of_a_purpose_is_enough() -> None:
    assert len({name[0] for name in runs.PURPOSES}) == len(runs.PURPOSES)


@given(words)
def test_a_name_adds_no_line_no_markup_and_no_button(name: str) -> None:
    def shown(called: str) -> tuple[int, list[str], list[str]]:
        artist = db.Artist(id=derived_id("art", "1"), persona=Persona(name=called), state=2, on_silence=1)
        page = Page([artist], 0, None, None)
        one = artists.artist_screen(artist, "1", artists.Life(NOW), operates=True, ticket="t")
        many = artists.list_screen(page, "see", "t")
        text = f"{parse_html(one.text.html)[0]}\n{parse_html(many.text.html)[0]}"
        kinds = [e.type for screen in (one, many) for e in parse_html(screen.text.html)[1]]
        data = [button.data for screen in (one, many) for row in screen.keyboard for button in row]
        return text.count("\n"), kinds, data

    assert shown(name) == shown("Nova Vale")


@pytest.mark.parametrize("name", [name for name, _ in menu.COMMANDS])
def test_every_command_is_one_that_telegram_registers(name: str) -> None:
    description = dict(menu.COMMANDS)[name]
    assert name.isascii()
    assert name.islower()
    assert name.isalpha()
    assert 3 <= len(description) <= 60


def test_everything_that_is_normal_fits_the_width_of_a_phone() -> None:
    run = sched.Run(
        id=derived_id("run", "1"),
        artist_id=derived_id("art", "1"),
        state=sched.RUN_STATE_AWAITING_APPROVAL,
        stage=sched.STAGE_NAME_APPROVE,
        title="Harbour Lights in the Rain",
        take_number=2,
        takes_wanted=3,
        started_by="operator",
        created_at=stamp(NOW - timedelta(hours=3)),
        updated_at=stamp(NOW - timedelta(minutes=3)),
    )
    run.stages.add(stage=2, take_number=2, state=2, attempts=3, started_at=stamp(NOW - timedelta(hours=1)))
    artist = db.Artist(
        id=run.artist_id,
        persona=Persona(name="Nova Vale and the Night Drivers", genre="synthwave"),
        state=artist_state_pb2.ARTIST_STATE_ACTIVE,
        cadence=db.Cadence(cron="0 9 * * 1"),
        persona_version=12,
        on_silence=decision_pb2.SILENCE_ANSWER_HOLD,
    )
    many_runs = Page([run] * SIZE, 700, "a", "b")
    shown = [
        runs.run_screen(run, runs.Around("Nova Vale", 42, ""), operates=True, now=NOW, where=BERLIN),
        runs.list_screen(many_runs, "all", "", {run.artist_id: "Nova Vale"}, NOW),
        artists.artist_screen(artist, "12", artists.Life(NOW), operates=True, ticket="t"),
        artists.list_screen(Page([artist] * SIZE, 70, "a", "b"), "pause", "t"),
        menu.help_screen(Person(1, Role.OPERATOR, "vera")),
    ]
    for screen in shown:
        widest = max(parse_html(screen.text.html)[0].split("\n"), key=utf16_length)
        assert utf16_length(widest) <= 50, widest


@pytest.mark.parametrize(
    ("state", "stage", "told"),
    [
        (sched.RUN_STATE_PRODUCING, sched.STAGE_NAME_PRODUCE, "producing · produce · take 2"),
        (sched.RUN_STATE_FAILED, sched.STAGE_NAME_PRODUCE, "failed · produce · take 2"),
        (sched.RUN_STATE_RELEASED, sched.STAGE_NAME_REFLECT, "released"),
        (sched.RUN_STATE_REJECTED, sched.STAGE_NAME_REFLECT, "rejected"),
        (sched.RUN_STATE_EXPIRED, sched.STAGE_NAME_APPROVE, "expired"),
        (sched.RUN_STATE_CANCELLED, sched.STAGE_NAME_COMPOSE, "cancelled"),
    ],
)
def test_of_a_run_that_ended_its_state_is_shown_alone(
    state: sched.RunState.ValueType, stage: sched.StageName.ValueType, told: str
) -> None:
    run = sched.Run(id=derived_id("run", "1"), state=state, stage=stage, take_number=2)
    screen = runs.run_screen(run, runs.Around("Nova", 0, ""), operates=False, now=NOW, where=BERLIN)
    assert parse_html(screen.text.html)[0].splitlines()[2] == told


def test_only_operators_see_buttons_that_change_something() -> None:
    artist = db.Artist(id=derived_id("art", "1"), persona=Persona(name="Nova"), state=2, on_silence=1)
    failed = sched.Run(id=derived_id("run", "1"), artist_id=artist.id, state=sched.RUN_STATE_FAILED)

    def verbs(*, operates: bool) -> set[str]:
        around = runs.Around("Nova", 0, "")
        both = (
            artists.artist_screen(artist, "1", artists.Life(NOW), operates=operates, ticket="t"),
            runs.run_screen(failed, around, operates=operates, now=NOW, where=BERLIN),
        )
        data = [button.data for screen in both for row in screen.keyboard for button in row]
        return {item.split(":")[1] for item in data if item.startswith("x:")}

    silences = {f"silence.{name}" for name in SILENCE_NAMES}
    assert verbs(operates=False) == set()
    evolves = {"evolve.off", "evolve.propose", "evolve.auto"}
    assert verbs(operates=True) == {"new", "autopilot", "pause", "retire", "retry", *silences, *evolves}
