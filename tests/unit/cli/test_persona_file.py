"""An artist's file is read whole or refused with every problem, its path and its line."""

import textwrap
from pathlib import Path

import pytest

from aiartist.artist_db.v1.artist_db_pb2 import EVOLVE_AUTO, EVOLVE_OFF, EVOLVE_PROPOSE
from aiartist.common.v1.decision_pb2 import SILENCE_ANSWER_EXPIRE
from cli.persona_file import ArtistFile
from cli.yaml_file import MAX_BYTES, FileProblems
from services.chassis.errors import FieldViolation
from services.chassis.genres import GENRES, genre_name

EXAMPLES = Path(__file__).parents[3] / "examples" / "artists"
REQUIRED = """\
name: Nova Vale
genre: synthwave
style: plain words
themes: [night drives]
"""


def file_of(folder: Path, text: str | bytes) -> Path:
    path = folder / "artist.yaml"
    path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
    return path


def problems_of(path: Path) -> list[str]:
    with pytest.raises(FileProblems) as error:
        ArtistFile.read(path)
    return [line.removeprefix(f"{path}") for line in error.value.lines()]


def test_every_field_of_a_whole_file_is_read(tmp_path: Path):
    text = """\
        name: "1984"
        genre: lofi
        style: >
          two
          lines
        voice: {timbre: warm, delivery: slow, point_of_view: first person}
        themes:
          - rain
          - "42"
        moods: [calm]
        instruments: [piano]
        keys: [A minor]
        tempo:
          min_bpm: 70
          max_bpm: 90
        language: "no"
        visual:
          palette: ["#000000", "#ffffff"]
          motif: a lamp
        bio: short
        banned_words: [yolo]
        preserve_core_identity: [name]
        target_duration_ms: 90_000
        cadence:
          interval_s: 3600
        autopilot_enabled: on
        on_silence: expire
        """
    read = ArtistFile.read(file_of(tmp_path, text))
    persona = read.persona
    assert (persona.name, persona.genre, persona.style) == ("1984", "lofi", "two lines\n")
    assert (persona.voice.timbre, persona.voice.delivery) == ("warm", "slow")
    assert list(persona.themes) == ["rain", "42"]
    assert (persona.tempo.min_bpm, persona.tempo.max_bpm) == (70, 90)
    assert (persona.language, persona.target_duration_ms) == ("no", 90_000)
    assert list(persona.visual.palette) == ["#000000", "#ffffff"]
    assert read.cadence.interval_s == 3600
    assert read.autopilot_enabled is True
    assert read.create_request().on_silence == SILENCE_ANSWER_EXPIRE


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_can_be_read(path: Path):
    read = ArtistFile.read(path)
    assert read.persona.name
    assert genre_name(read.persona.genre) in GENRES


def test_the_examples_are_of_different_genres():
    genres = [ArtistFile.read(path).persona.genre for path in EXAMPLES.glob("*.yaml")]
    assert len(genres) >= 3
    assert len(set(genres)) == len(genres)


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ("bio: 5", ":5: bio: expected text, was given the number 5; put it in quotes"),
        ("language: no", ":5: language: expected text, was given the true/false value no; put it in quotes"),
        ("bio: 2026-01-01", ":5: bio: expected text, was given the date 2026-01-01; put it in quotes"),
        ("bio:", ":5: bio: expected text, was given nothing"),
        ("bio: [a]", ":5: bio: expected text, was given a list"),
        ("bio: {a: b}", ":5: bio: expected text, was given a mapping"),
        (
            "moods: calm",
            ':5: moods: expected a list, was given the text "calm"; '
            'begin each entry on a line of its own with "- "',
        ),
        ("moods: [calm, 5]", ":5: moods[1]: expected text, was given the number 5; put it in quotes"),
        ("moods: [[calm]]", ":5: moods[0]: expected text, was given a list"),
        (
            "voice: soft",
            ':5: voice: expected a mapping with timbre, delivery, point_of_view, was given the text "soft"',
        ),
        ("voice:\n  timbre: 5", ":6: voice.timbre: expected text, was given the number 5; put it in quotes"),
        (
            'target_duration_ms: "90000"',
            ':5: target_duration_ms: expected a whole number, was given the text "90000"; '
            "leave the quotes away",
        ),
        (
            "target_duration_ms: 1.5",
            ":5: target_duration_ms: expected a whole number, was given the number 1.5",
        ),
        (
            "target_duration_ms: 90s",
            ':5: target_duration_ms: expected a whole number, was given the text "90s"',
        ),
        (
            "target_duration_ms: 0x10",
            ":5: target_duration_ms: expected a whole number, was given the number 0x10",
        ),
        (
            "tempo: {min_bpm: -1}",
            ":5: tempo.min_bpm: expected a whole number from 0 to 4294967295, was given the number -1",
        ),
        (
            "tempo: {min_bpm: 99999999999}",
            ":5: tempo.min_bpm: expected a whole number from 0 to 4294967295, "
            "was given the number 99999999999",
        ),
        (
            "autopilot_enabled: maybe",
            ':5: autopilot_enabled: expected true or false, was given the text "maybe"',
        ),
        ("autopilot_enabled: 1", ":5: autopilot_enabled: expected true or false, was given the number 1"),
        (
            "on_silence: reject",
            ':5: on_silence: expected one of hold, expire, autopilot, was given the text "reject"',
        ),
        (
            "on_silence: off",
            ":5: on_silence: expected one of hold, expire, autopilot, was given the true/false value off",
        ),
        (
            "on_silence: unspecified",
            ':5: on_silence: expected one of hold, expire, autopilot, was given the text "unspecified"',
        ),
        ("on_silense: hold", ":5: on_silense: is not a field; did you mean on_silence?"),
        ("theme: [x]", ":5: theme: is not a field; did you mean themes?"),
        ("Bio: x", ":5: Bio: is not a field; did you mean bio?"),
        ("timbre: x", ":5: timbre: is not a field; did you mean voice.timbre?"),
        ("cron: x", ":5: cron: is not a field; did you mean cadence.cron?"),
        (
            "voice: {tone: x}",
            ":5: voice.tone: is not a field; the fields are timbre, delivery, point_of_view",
        ),
        ("cadence: {every: 6h}", ":5: cadence.every: is not a field; the fields are interval_s, cron"),
        (
            "cadence:\n  interval_s: 60\n  cron: '0 9 * * 1'",
            ":6: cadence: expected one of interval_s and cron, was given both",
        ),
        ("name: Again", ":5: name: is given twice, first on line 1"),
        ("5: x", ":5: expected the name of a field, was given the number 5"),
        ("? [a]\n: x", ":5: expected the name of a field, was given a list"),
        ("bio: !!python/object/apply:os.getcwd []", ":5: bio: expected text, was given a list"),
        (
            "bio: !!python/name:os.getcwd x",
            ":5: bio: expected text, was given a value with the tag tag:yaml.org,2002:python/name:os.getcwd",
        ),
        ("bio: !secret x", ":5: bio: expected text, was given a value with the tag !secret"),
        ('bio: "\\e[31mred"\nfoo\x1b: x', None),
    ],
)
def test_a_problem_names_line_path_what_was_expected_and_what_was_given(
    tmp_path: Path, added: str, expected: str | None
):
    found = problems_of(file_of(tmp_path, f"{REQUIRED}{added}\n"))
    if expected is None:
        assert found == [":6: holds the control character U+001B"]
    else:
        assert found == [expected]


def test_all_problems_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path):
    text = """\
        themes: night
        genre: 5
        stile: x
        voice:
          timbre: [a]
          colour: b
        """
    assert problems_of(file_of(tmp_path, text)) == [
        ": name: is missing; expected the artist's name as listeners see it",
        ": style: is missing; expected what the artist is like, in prose",
        ':1: themes: expected a list, was given the text "night"; '
        'begin each entry on a line of its own with "- "',
        ":2: genre: expected text, was given the number 5; put it in quotes",
        ":3: stile: is not a field; did you mean style?",
        ":5: voice.timbre: expected text, was given a list",
        ":6: voice.colour: is not a field; the fields are timbre, delivery, point_of_view",
    ]


@pytest.mark.parametrize("name", ["name", "genre", "style", "themes"])
def test_a_required_field_that_is_missing_is_named(tmp_path: Path, name: str):
    text = "".join(line for line in REQUIRED.splitlines(keepends=True) if not line.startswith(name))
    (problem,) = problems_of(file_of(tmp_path, text))
    assert problem.startswith(f": {name}: is missing; expected ")


@pytest.mark.parametrize(("name", "line"), [("name", 'name: ""'), ("themes", "themes: []")])
def test_a_required_field_that_is_empty_is_named(tmp_path: Path, name: str, line: str):
    lines = [line if given.startswith(name) else given for given in REQUIRED.splitlines()]
    (problem,) = problems_of(file_of(tmp_path, "\n".join(lines)))
    assert f": {name}: is empty; expected " in problem


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ": is empty; an artist needs at least name, genre, style and themes"),
        (b"# nothing\n", ": is empty; an artist needs at least name, genre, style and themes"),
        (b"- a\n", ":1: expected fields such as `name: Nova Vale`, was given a list"),
        (b"\nNova Vale\n", ':2: expected fields such as `name: Nova Vale`, was given the text "Nova Vale"'),
        (b"name: a\nbio: \xff\xfe\n", ":2: is not UTF-8: byte 0xff; save it as UTF-8"),
        ("name: a".encode("utf-16"), ":1: is not UTF-8: byte 0xff; save it as UTF-8"),
        (b"name: a\0b\n", ":1: holds the control character U+0000"),
        (b"x" * (MAX_BYTES + 1), ": is larger than 256 KiB; that is no artist's file"),
        (b"[" * 20_000, ": is nested too deeply"),
    ],
    ids=["empty", "comment", "list", "text", "latin", "utf-16", "nul", "large", "deep"],
)
def test_a_file_that_is_no_artist_says_why(tmp_path: Path, content: bytes, expected: str):
    assert problems_of(file_of(tmp_path, content)) == [expected]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("name: a: b\n", 1),
        ("name: a\n\tbio: b\n", 2),
        ("name: 'a\n", 2),
        ("name: a\n---\nname: b\n", 2),
        ("a: *b\n", 1),
    ],
    ids=["colons", "tab", "open quote", "two documents", "unknown alias"],
)
def test_broken_yaml_says_on_which_line(tmp_path: Path, content: str, line: int):
    (problem,) = problems_of(file_of(tmp_path, content))
    assert problem.startswith(f":{line}: is not YAML: ")


def test_a_file_that_is_not_there_or_is_a_folder_says_so(tmp_path: Path):
    assert problems_of(tmp_path / "none.yaml") == [": there is no such file"]
    assert problems_of(tmp_path) == [": is a folder; name an artist's file in it"]


def test_a_bomb_of_aliases_is_only_a_list_of_wrong_entries(tmp_path: Path):
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    found = problems_of(file_of(tmp_path, "\n".join([REQUIRED, *bomb, "moods: *a29"])))
    assert next(line for line in found if "moods[" in line).endswith("expected text, was given a list")
    assert len(found) <= 41


def test_a_list_that_holds_itself_is_refused(tmp_path: Path):
    assert problems_of(file_of(tmp_path, f"{REQUIRED}moods: &m [*m]\n")) == [
        ":5: moods[0]: expected text, was given a list"
    ]


def test_nothing_in_a_file_is_ever_run(tmp_path: Path):
    trap = tmp_path / "trap"
    problems_of(file_of(tmp_path, f"{REQUIRED}bio: !!python/object/apply:os.mkdir ['{trap}']\n"))
    assert not trap.exists()


def test_a_mark_of_utf_8_and_an_alias_are_fine(tmp_path: Path):
    text = "\ufeffname: &n Nova\ngenre: pop\nstyle: *n\nthemes: [*n]\n"
    assert ArtistFile.read(file_of(tmp_path, text)).persona.style == "Nova"


def test_what_the_file_leaves_out_is_left_out_of_the_requests(tmp_path: Path):
    read = ArtistFile.read(file_of(tmp_path, REQUIRED))
    assert not read.create_request().HasField("cadence")
    assert "autopilot_enabled" not in read.given
    assert "on_silence" not in read.given
    assert not read.create_request().on_silence


def test_an_empty_cadence_means_never_by_itself(tmp_path: Path):
    read = ArtistFile.read(file_of(tmp_path, f"{REQUIRED}cadence: {{}}\n"))
    assert read.create_request().HasField("cadence")
    assert read.create_request().cadence.WhichOneof("when") is None


def test_what_the_server_refuses_is_shown_with_the_line_of_the_file(tmp_path: Path):
    path = file_of(
        tmp_path, f"{REQUIRED}tempo:\n  min_bpm: 300\nmoods:\n  - ok\n  - ''\ncadence: {{interval_s: 1}}\n"
    )
    violations = [
        FieldViolation("persona.tempo.min_bpm", "must be 40 to 220, is 300"),
        FieldViolation("persona.tempo.max_bpm", "must be 40 to 220, is 0"),
        FieldViolation("persona.moods[1]", "is required"),
        FieldViolation("persona.moods[9]", "is odd"),
        FieldViolation("cadence.interval_s", "must be 60 to 31536000, is 1"),
        FieldViolation("persona.bio", "is missing"),
    ]
    found = [line.removeprefix(str(path)) for line in ArtistFile.read(path).refused(violations).lines()]
    assert found == [
        ": bio: is missing",
        ":5: tempo.max_bpm: must be 40 to 220, is 0",
        ":6: tempo.min_bpm: must be 40 to 220, is 300",
        ":7: moods[9]: is odd",
        ":9: moods[1]: is required",
        ":10: cadence.interval_s: must be 60 to 31536000, is 1",
    ]


@pytest.mark.parametrize(
    ("word", "value"),
    [("off", EVOLVE_OFF), ("'off'", EVOLVE_OFF), ("Propose", EVOLVE_PROPOSE), ("auto", EVOLVE_AUTO)],
)
def test_how_an_artist_evolves_is_a_word_though_yaml_takes_off_for_a_truth_value(
    tmp_path: Path, word: str, value: int
):
    file = ArtistFile.read(file_of(tmp_path, f"{REQUIRED}evolve: {word}\n"))
    assert file.evolve == value
    assert file.create_request().evolve == value
    assert "evolve" in file.given


@pytest.mark.parametrize("word", ["on", "no", "false", "3", "[off]"])
def test_what_is_no_way_to_evolve_is_refused(tmp_path: Path, word: str):
    (problem,) = problems_of(file_of(tmp_path, f"{REQUIRED}evolve: {word}\n"))
    assert problem.startswith(":5: evolve: expected one of off, propose, auto, was given")


@pytest.mark.parametrize(("written", "value"), [("0.25", 0.25), ("1", 1.0), ("0", 0.0)])
def test_how_far_an_artist_follows_charts_is_a_number(tmp_path: Path, written: str, value: float):
    file = ArtistFile.read(file_of(tmp_path, f"{REQUIRED}trend_alignment: {written}\n"))
    assert file.persona.trend_alignment == value


@pytest.mark.parametrize("written", ["often", "'0.5'", ".nan", ".inf", "yes"])
def test_what_is_no_number_is_refused(tmp_path: Path, written: str):
    (problem,) = problems_of(file_of(tmp_path, f"{REQUIRED}trend_alignment: {written}\n"))
    assert problem.startswith(":5: trend_alignment: expected a number, was given")
