"""What no history of an artist leads to, whatever happens in it and when."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from services.artist_db.domain.lifecycle import WAYS, Rule, State, undoable
from services.artist_db.domain.lives import (
    WARNED_DAYS,
    Life,
    Record,
    Rules,
    Ruling,
    after_run,
    idle,
    paused_too_long,
    rates_from,
    row_of,
    warning_due,
)
from services.artist_db.domain.outcomes import Blame

RULES = Rules()
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SONG_RULES = (Rule.APPROVAL, Rule.ERRORS, Rule.RECOVERED)


@dataclass
class Moved:
    source: State
    target: State
    rule: Rule
    at: datetime


@dataclass(frozen=True)
class Attended:
    """Days in which people are there."""

    days: int


@dataclass
class Label:
    """An artist, and what happens to it: the rules are real, time and memory are this test's."""

    now: datetime = BEGIN
    life: Life = field(default_factory=lambda: Life(State.ACTIVE, BEGIN, BEGIN, Rule.PERSON, "", BEGIN))
    ends: list[tuple[datetime, Blame]] = field(default_factory=list)
    moves: list[Moved] = field(default_factory=list)
    warnings: list[datetime] = field(default_factory=list)
    acts: list[datetime] = field(default_factory=list)

    def happen(self, event: object) -> None:
        match event:
            case Blame():
                self.end(event)
            case int():
                self.wait(event)
            case State():
                self.person(event)
            case Attended(days):
                for _ in range(days):
                    self.act()
                    self.wait(1)
            case "undo":
                self.undo()
            case "elsewhere":
                self.act()
            case "review":
                self.review()

    def tick(self) -> None:
        self.now += timedelta(minutes=1)

    def act(self) -> None:
        self.tick()
        self.acts.append(self.now)

    def wait(self, days: int) -> None:
        """Days pass, with a review at the end of each."""
        for _ in range(days):
            self.now += timedelta(days=1)
            self.review()

    def end(self, blame: Blame) -> Ruling | None:
        self.tick()
        if blame is Blame.REJECTED:
            self.acts.append(self.now)
        self.ends.append((self.now, blame))
        self.life = replace(self.life, last_run_at=self.now)
        return self.apply()

    def apply(self) -> Ruling | None:
        ruling = after_run(RULES, self.life, self.record())
        if ruling is not None:
            self.moved(ruling.target, ruling.rule, ruling.reason)
        return ruling

    def record(self) -> Record:
        since = rates_from(RULES, self.life, self.now)
        counted = [blame for at, blame in self.ends if at > since]
        judged = [blame for at, blame in reversed(self.ends) if at > self.life.judged_from]
        return Record(
            counted.count(Blame.APPROVED),
            counted.count(Blame.REJECTED),
            counted.count(Blame.ERROR),
            row_of(judged),
        )

    def review(self) -> Ruling | None:
        acted = self.acts[-1] if self.acts else None
        ruling = idle(RULES, self.life, self.now, None) or paused_too_long(RULES, self.life, self.now, acted)
        if ruling is not None:
            self.moved(ruling.target, ruling.rule, ruling.reason)
        elif warning_due(RULES, self.life, self.now, acted):
            self.warnings.append(self.now)
            self.life = replace(self.life, warned_at=self.now)
        return ruling

    def moved(self, target: State, rule: Rule, reason: str) -> None:
        by_person = rule in (Rule.PERSON, Rule.UNDO)
        self.tick()
        self.moves.append(Moved(self.life.state, target, rule, self.now))
        self.life = replace(
            self.life,
            state=target,
            since=self.now,
            judged_from=self.now if by_person else self.life.judged_from,
            rule=rule,
            reason=reason,
            warned_at=None,
        )
        if by_person:
            self.acts.append(self.now)

    def person(self, target: State) -> None:
        if target in WAYS[self.life.state]:
            self.moved(target, Rule.PERSON, "")

    def undo(self) -> None:
        last = self.moves[-1] if self.moves else None
        if last is not None and not undoable(last.source, last.target, last.rule):
            self.moved(last.source, Rule.UNDO, "")


WAITS = st.integers(1, 120)
SILENT = st.one_of(
    st.just(Blame.NONE),
    WAITS,
    st.sampled_from(["undo", "elsewhere", "review", State.ACTIVE, State.EVOLVING, State.PAUSED]),
)
SONGS = st.sampled_from([Blame.APPROVED, Blame.REJECTED, Blame.ERROR, Blame.NONE])
ANYTHING = st.one_of(
    st.lists(SONGS, min_size=1, max_size=15),
    WAITS,
    WAITS.map(Attended),
    st.sampled_from(["undo", "elsewhere", "review", State.ACTIVE, State.EVOLVING, State.PAUSED]),
)
# Alike songs one after the other: what rules are about, and what single draws hardly ever make.
STREAKS = st.tuples(SONGS, st.integers(1, 12)).map(lambda pair: [pair[0]] * pair[1])
HISTORIES = st.lists(st.one_of(ANYTHING, STREAKS), max_size=20)


def lived(events: list[object]) -> Label:
    label = Label()
    for event in events:
        for each in event if isinstance(event, list) else [event]:
            label.happen(each)
    return label


@settings(max_examples=40, deadline=None)
@given(st.lists(SILENT, max_size=20))
def test_silence_never_retires_an_artist(events: list[object]) -> None:
    label = lived(events)

    assert all(move.target is not State.RETIRED for move in label.moves)
    assert {move.rule for move in label.moves} <= {Rule.IDLE, Rule.PERSON, Rule.UNDO}


@settings(max_examples=40, deadline=None)
@given(HISTORIES, st.integers(100, 400))
def test_once_nobody_is_there_any_more_nothing_retires(events: list[object], days: int) -> None:
    label = lived(events)
    before = label.life.state
    gone = len(label.moves)
    label.acts = [at for at in label.acts if at < label.now - timedelta(days=RULES.window_days)]

    label.wait(days)

    if before is not State.RETIRED:
        assert all(move.target is not State.RETIRED for move in label.moves[gone:])


@settings(max_examples=50, deadline=None)
@given(HISTORIES)
def test_a_long_pause_retires_only_after_a_pause_for_songs_a_warning_and_somebody_there(
    events: list[object],
) -> None:
    label = lived(events)

    for at, move in enumerate(label.moves):
        if move.rule is not Rule.PAUSED:
            continue
        pause = label.moves[at - 1]
        warned = [each for each in label.warnings if pause.at < each < move.at]
        assert (pause.target, pause.rule in (Rule.APPROVAL, Rule.ERRORS)) == (State.PAUSED, True)
        assert move.at - pause.at >= timedelta(days=RULES.retire_after_paused_days)
        assert len(warned) == 1
        assert move.at - warned[0] >= timedelta(days=WARNED_DAYS)
        assert any(warned[0] < act < move.at for act in label.acts)


@settings(max_examples=50, deadline=None)
@given(HISTORIES)
def test_rules_that_are_applied_again_do_nothing(events: list[object]) -> None:
    label = lived(events)
    label.review()

    assert label.review() is None
    if events and isinstance(events[-1], list):
        assert label.apply() is None


@settings(max_examples=50, deadline=None)
@given(HISTORIES)
def test_moves_are_bounded_by_what_was_decided(events: list[object]) -> None:
    label = lived(events)

    counted = [blame for _, blame in label.ends if blame is not Blame.NONE]
    by_songs = [move for move in label.moves if move.rule in SONG_RULES]
    by_rows = [move for move in label.moves if move.rule is Rule.REJECTIONS]
    assert len(by_songs) <= len(counted) // RULES.min_runs
    assert len(by_rows) <= counted.count(Blame.REJECTED) // RULES.rejections_in_a_row


@settings(max_examples=50, deadline=None)
@given(HISTORIES)
def test_no_outcome_leads_there_and_back(events: list[object]) -> None:
    label = lived(events)

    by_songs = [move for move in label.moves if move.rule in SONG_RULES]
    for first, second in pairwise(by_songs):
        fresh = [blame for at, blame in label.ends if first.at < at < second.at and blame is not Blame.NONE]
        assert len(fresh) >= RULES.min_runs


@settings(max_examples=50, deadline=None)
@given(HISTORIES)
def test_what_rules_did_can_be_undone_and_the_same_songs_never_do_it_again(events: list[object]) -> None:
    label = Label()
    for event in events:
        for each in event if isinstance(event, list) else [event]:
            before = len(label.moves)
            label.happen(each)
            last = label.moves[-1] if len(label.moves) > before else None
            if last is None or last.rule in (Rule.PERSON, Rule.UNDO):
                continue
            assert undoable(last.source, last.target, last.rule) == ""
            label.undo()
            assert label.life.state is last.source
            assert label.apply() is None
            assert label.review() is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(SONGS, STREAKS), max_size=30), st.data())
def test_the_platforms_failures_and_silence_change_nothing_wherever_they_are(
    songs: list[object], data: st.DataObject
) -> None:
    flat = [each for song in songs for each in (song if isinstance(song, list) else [song])]
    plain = [blame for blame in flat if blame is not Blame.NONE]
    at = data.draw(st.lists(st.integers(0, len(plain)), max_size=30))
    mixed: list[Blame] = []
    for index in range(len(plain) + 1):
        mixed += [Blame.NONE] * at.count(index) + plain[index : index + 1]

    one, other = lived(list(plain)), lived(list(mixed))

    assert [(m.source, m.target, m.rule) for m in one.moves] == [
        (m.source, m.target, m.rule) for m in other.moves
    ]


def test_the_histories_of_these_tests_reach_every_rule() -> None:
    reached = {
        move.rule
        for events in (
            [[Blame.REJECTED] * 5],
            [[Blame.ERROR] * 10, Attended(100)],
            [[Blame.REJECTED, Blame.APPROVED, Blame.REJECTED] * 4, [Blame.APPROVED] * 10],
            [50],
        )
        for move in lived(list(events)).moves
    }

    assert reached == {
        Rule.REJECTIONS,
        Rule.ERRORS,
        Rule.APPROVAL,
        Rule.RECOVERED,
        Rule.IDLE,
        Rule.PAUSED,
    }
