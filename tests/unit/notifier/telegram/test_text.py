"""Nothing from outside can break a message, forge a part of it, or make it too long."""

import html
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.telegram.text import (
    CAPTION_MOST,
    Rich,
    bold,
    clean,
    code,
    cut,
    fitting,
    italic,
    joined,
    link,
    link_to_person,
    one_line,
    plain,
    quote,
    size_of,
)

ANY = st.text(st.characters(), max_size=60)
ALLOWED = {"b", "i", "code", "blockquote", "a"}


class Reader(HTMLParser):
    """What Telegram would show: the text, and the tags on the way, which must nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.open, self.seen = "", [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def pieces() -> st.SearchStrategy[Rich]:
    simple = st.builds(
        lambda make, text: make(text), st.sampled_from([plain, bold, italic, code]), ANY
    ) | st.builds(link, ANY, ANY | st.just("https://label.example/a?b=1&c=2"))
    return simple | st.builds(quote, simple, folded=st.booleans())


@given(st.lists(pieces(), max_size=8))
def test_whatever_is_said_is_markup_that_closes_and_text_of_the_told_size(parts: list[Rich]) -> None:
    whole = joined(parts)
    seen = Reader(whole.html)
    assert set(seen.seen) <= ALLOWED
    assert size_of(seen.text) == whole.size


@given(st.lists(pieces(), max_size=8), st.integers(0, 200))
def test_what_is_made_to_fit_does(parts: list[Rich], most: int) -> None:
    fitted = fitting(parts, most)
    assert size_of(Reader(fitted.html).text) == fitted.size <= most


@given(ANY, st.integers(1, 80))
def test_a_line_stays_one_line_of_its_length(text: str, most: int) -> None:
    line = one_line(text, most)
    assert "\n" not in line
    assert size_of(line) <= most


@given(ANY)
def test_text_reads_as_it_was_written_but_for_what_cannot_be_seen(text: str) -> None:
    assert Reader(plain(text).html).text == clean(text)


@pytest.mark.parametrize(
    "hidden", ["\x00", "\x1b", "\u202e", "\u2066", "\u2028", "\u200f", "\ufeff", "\ud800"]
)
def test_what_cannot_be_seen_is_left_out(hidden: str) -> None:
    assert plain(f"a{hidden}b") == plain("ab")


@pytest.mark.parametrize("hidden", ["\u200b", "\u200d", "\u2060", "\u00ad", "\u202e", "\U000e0061", "\u3164"])
def test_a_line_shows_where_something_hides_in_it(hidden: str) -> None:
    assert one_line(f"ne{hidden}on") == "ne\ufffdon"
    assert one_line(f"neon{hidden}") == "neon\ufffd"
    assert one_line(f"{hidden}neon") == "\ufffdneon"


@pytest.mark.parametrize("emoji", ["\U0001f469\u200d\U0001f680", "\u2764\ufe0f\u200d\U0001f525"])
def test_an_emoji_of_several_stays_whole(emoji: str) -> None:
    assert one_line(emoji) == emoji


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "tg://user?id=1", "file:///etc/passwd", "https://", ""]
)
def test_only_web_addresses_become_links(url: str) -> None:
    assert link("here", url) == plain("here")


def test_an_address_cannot_end_its_tag() -> None:
    made = link("here", 'https://x.example/"><b>')
    assert html.unescape(made.html).startswith('<a href="https://x.example/')
    assert Reader(made.html).seen == ["a"]


def test_astral_characters_count_twice_as_telegram_counts_them() -> None:
    assert plain("🎧").size == 2
    assert cut("🎧" * 10, 6) == "🎧🎧…"


def test_a_person_is_mentioned_by_their_id() -> None:
    mention = link_to_person('<b>"Vera"', 11)
    assert mention.html == '<a href="tg://user?id=11">&lt;b&gt;"Vera"</a>'


def test_a_caption_is_cut_at_whole_parts() -> None:
    parts = [bold("title"), *(plain("x" * 200) for _ in range(9))]
    assert fitting(parts, CAPTION_MOST).html.endswith("\n…")
