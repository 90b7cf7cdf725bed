"""The same error with other values has the same template; another error has another one."""

import random
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.error_analyzer.grouping import masks
from services.error_analyzer.grouping.masks import MAX_TEMPLATE, template
from tests.support.log_worlds import words_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("worker3 and web-17 died", "worker<number> and web-<number> died"),
        ("pod label-7f9c6d5b4-x2x9z on ip-10-1-2-3 died", "pod label-<id> on ip-<address> died"),
        ("pod label-bcdfghjkl-bcdfg died", "pod label-<id> died"),
        ("mail to bob@example.org or [redacted] or ***", "mail to <redacted> or <redacted> or <redacted>"),
        ("card 00:1a:2b:3c:4d:5e at fe80::1%eth0", "card <address> at <address>"),
        ("cannot resolve a1.b.example.com", "cannot resolve <address>"),
        (r"no C:\Users\bob\x.txt: denied by \\srv\share", "no <path>: denied by <path>"),
        ("disk 93% full, 12MiB of 3.5 GB", "disk <percent> full, <size> of <size>"),
        ("version 1.2.3-rc1 after v2.1", "version <version> after <version>"),
        ('got {"a": [1, {"b": "}"}], "c": "x"} back', "got <data> back"),
        ('got {"a": "cut o', "got <data>"),
        ("of [1, 2] or ['a'] or []", "of <data> or <data> or <data>"),
        ("unexpected '[[' or '{1,' there", "unexpected <text> or <text> there"),
        ("key SGVsbG8gd29ybGQhIQ==", "key <id>"),
        ("\x1b[31mERROR\x1b[0m bad", "ERROR bad"),
        ("\N{REPLACEMENT CHARACTER}[1mbad", "bad"),
        ("code:404 in worker.py:120 of attempt:9", "code:404 in worker.py:<number> of attempt:<number>"),
        (
            "status 200 in 12 ms on port 404 of id 7",
            "status 200 in <duration> on port <number> of id <number>",
        ),
        ("status 12 ms, HTTP 8080, code 123456", "status <duration>, HTTP <number>, code <number>"),
        ("zip_code=12345 of id=E1001", "zip_code=<value> of id=<value>"),
        ("E1001x and run-E1001", "<id> and run-E<number>"),
        ("job failed: {'error': 'disk full', 'n': 5}", "job failed: <value> error: disk full"),
        ('got {"data": {"reason": "no \'x\' [1]"}} twice', "got <data> reason: no <text> <number> twice"),
        ("no file /srv/a in config.yaml", "no file <path> in config.yaml"),
        ("no copy of /srv/a to b.wav", "no copy of <path> to b.wav"),
        ("copy '/srv/a' to '/srv/b.wav'", "copy <text> to <text>"),
        ("said “hello you” and `x y`", "said <text> and <text>"),
        ("Nov 22 23:12:07 web-1 went", "<time> web-<number> went"),
        ("took 1h2m3s or 3 s, 2 ms", "took <duration> or <duration>"),
        ("stage=compose failed, run_id=7", "stage=compose failed, run_id=<value>"),
        ('level=error msg="cannot open file" n=3', "level=error msg: cannot open file n=<value>"),
        ('{"level": "error", "msg": "cannot open"}', "{ level : error , msg : cannot open }"),
        ("a literal <*> is no free word", "a literal * is no free word"),
    ],
)
def test_what_changes_is_masked(text: str, expected: str):
    assert template(text) == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("user=alice failed", "user=17 failed"),
        ("user='al ice' failed", "user= failed"),
        ("limit: 30, sent", "limit: None, sent"),
        ("limit: 'x y', sent", "limit: true, sent"),
        ("size=12MiB left", "size=900 bytes left"),
        ("got [1, 2] from it", "got [] from it"),
        ("at 2026-01-02 03:04:05,678 it broke", "at 2026-01-02T03:04:05Z it broke"),
        ("digest 3f2a9c1d77 is wrong", "digest 1234567890 is wrong"),
        ("key sk-[REDACTED] refused", "key sk-[redacted] refused"),
        ("after 1000000.000 tries", "after 0 tries"),
        ("run run_zynrhacsjhreagcgppxnnndbvb died", "run run_01hz7c5m3q8k2x9v4b6n0p1r7t died"),
        ("host fe80::1 is down", "host 10.0.0.1:80 is down"),
        ("took 5 ms", "took 1m 12s"),
        ("Key (email)=(bob smith) already exists.", "Key (email)=(al) already exists."),
        ("Key (a, b)=(1, O'Brien (jr)) is not present", "Key (a, b)=(2, x) is not present"),
        ("Failing row contains (1, bob smith, null).", "Failing row contains (2, al, f)."),
        ("cannot open /srv/music/My Song (final).wav", "cannot open /srv/music/a.wav"),
        ("cannot open /srv/music/02 - Love of Life 3.wav: full", "cannot open /srv/music/a.wav: full"),
        ("cannot open '/srv/music/Don't Stop.wav' now", "cannot open '/srv/music/a.wav' now"),
        (
            'open() "/x" failed, client: 1.2.3.4, server: x, request: "GET / HTTP/1.1", host: "x"',
            'open() "/y" failed, client: ::1, server: , request: "GET /b HTTP/1.1", upstream: '
            '"http://1.2.3.4:80/b", host: "x", referrer: "http://x/a, b"',
        ),
        (
            "pod web-7f9c6d5b4-x2x9z_default(3f2a0c1e-1111-2222-3333-444455556666) died",
            "pod web-7f9c6d5b4-bcdfg_default(0c1e3f2a-aaaa-bbbb-cccc-444455556666) died",
        ),
    ],
)
def test_values_of_other_kinds_are_still_values(first: str, second: str):
    assert template(first) == template(second)


STAGES = words_of(
    "compose produce review approve film package publish reflect mix master cover upload verify plan retry"
)


@pytest.mark.parametrize(
    "texts",
    [
        ["cannot open file '/a/b'", "cannot read file '/a/b'", "cannot open files '/a/b'"],
        [f"stage {name} failed after 3 tries" for name in STAGES],
        [f"stage={name} failed" for name in STAGES],
        ['error="cannot open file" n=1', 'error="cannot read file" n=1'],
        ["utf8 is not understood", "utf16 is not understood", "sha256 is not understood"],
        ["connection refused by 10.0.0.1", "connection reset by 10.0.0.1", "connections refused by 10.0.0.1"],
        ["worker.py:12 gave up", "store.py:12 gave up"],
        ["a=1 is missing", "b=1 is missing"],
        ["3 of 4 are lost", "3 are lost"],
        ["(it) failed", "it failed"],
        [f"GET failed: HTTP {status}" for status in (404, 500, 503)],
        [f"HTTP Error {status}: it failed" for status in (404, 500)],
        [f'"GET /a HTTP/1.1" {status} 12' for status in (404, 500)],
        [f"upstream said status={status}, sent" for status in (404, 500)],
        [f"upstream said status code: {status}." for status in (404, 500)],
        [f'level=error status="{status}"' for status in (404, 500)],
        [f"[Errno {number}] it failed: '/a'" for number in (2, 13)],
        ["ORA-00942: it failed", "ORA-01017: it failed"],
        ["SQLSTATE[23505]: it failed", "SQLSTATE[42P01]: it failed", "SQLSTATE[HY000]: it failed"],
        ["SQLSTATE[HY000] [2002] it failed", "SQLSTATE[HY000] [1045] it failed"],
        ["ERROR 1045 (28000): it failed", "ERROR 1062 (23000): it failed"],
        ["E1001 it failed", "E2002 it failed"],
        [f"it ended with exit code {code}" for code in (1, 2, 137, -9, "0x80070005")],
        [f"exit status {code}" for code in (1, 127)],
        [f"exited with {code}" for code in (1, 127)],
        [f"it was killed by signal {signal}" for signal in (9, 11)],
        ["failed, code=7", "failed, code=28"],
        ["error code 5", "error code 32"],
        ["job failed: {'error': 'disk full'}", "job failed: {'error': 'bad token'}"],
        ['job failed: {"code": 404, "id": 1}', 'job failed: {"code": 500, "id": 1}'],
    ],
)
def test_other_errors_have_other_templates(texts: list[str]):
    assert len({template(text) for text in texts}) == len(texts)


def test_all_pods_of_a_replica_set_have_one_template():
    rng = random.Random(1)
    texts = {
        f"pod web-7f9c6d5b4-{''.join(rng.choices('bcdfghjklmnpqrstvwxz2456789', k=5))}_shop({uid}) died"
        for uid in (uuid.UUID(int=rng.getrandbits(128)) for _ in range(300))
    }
    assert {template(text) for text in texts} == {"pod web-<id>_shop(<id>) died"}


HOSTILE = words_of(
    """a 1 a. ' " \\" { [1, {" a= a="\\' a- f: /a a\\
)=( )=((x Key(a)=(b)=(c ,client: "error":" 'a'a {"error": code= E000 <path>
    x@y. a://, A1a b0- 5m \x1b[ ‘ <number> * v1. x: [redacted 1: == é1"""
)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "piece", [*HOSTILE, " ", "-bcdfghjklm-bcdf", ", client: a", "/a B ", "code 1 ", "{'error': 'x"]
)
def test_no_text_of_64_kilobytes_takes_long(piece: str):
    for text in (piece * 65_536, f"x {piece * 65_536} y", f"{piece} " * 32_768):
        assert len(template(text[:65_536])) <= MAX_TEMPLATE


WORDS = st.text(alphabet="ab019:/=-_.%[]()'\"\\@TZ+", min_size=1, max_size=30)


@given(WORDS)
@settings(max_examples=200)
def test_what_is_remembered_of_a_word_is_what_it_is_masked_as(word: str):
    alike = word.translate(masks._ALIKE)
    assert masks._word(word) == masks._masked_word(word)
    assert masks._form(alike) == masks._masked_form(alike)


@given(st.lists(WORDS, min_size=1, max_size=8).map(" ".join))
def test_spaces_between_words_do_not_count(text: str):
    assert template(text) == template(text.replace(" ", " \t ").join("  "))
