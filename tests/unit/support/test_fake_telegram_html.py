"""The double of Telegram: its reading of HTML is what tests of forged messages stand on."""

import pytest
from telegram import Bot
from telegram.error import BadRequest

from tests.support.fake_telegram import Entity, FakeTelegram
from tests.support.fake_telegram.errors import ApiError
from tests.support.fake_telegram.formatting import formatted


def read(source: str) -> tuple[str, list[tuple[str, str]]]:
    """The plain text, and each entity with its words."""
    text, entities = formatted(source, "HTML")
    return text, [(entity.type, entity.of(text)) for entity in entities]


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("<b>a</b><strong>b</strong>", "ab", [("bold", "a"), ("bold", "b")]),
        ("<i>a</i> <em>b</em>", "a b", [("italic", "a"), ("italic", "b")]),
        ("<u>a</u><ins>b</ins>", "ab", [("underline", "a"), ("underline", "b")]),
        ("<s>a</s><strike>b</strike><del>c</del>", "abc", [("strikethrough", letter) for letter in "abc"]),
        (
            '<tg-spoiler>a</tg-spoiler><span class="tg-spoiler">b</span>',
            "ab",
            [("spoiler", "a"), ("spoiler", "b")],
        ),
        ("<pre>a &lt; b</pre>", "a < b", [("pre", "a < b")]),
        ("<code>/start</code>", "/start", [("code", "/start")]),
        ("<blockquote>a</blockquote>", "a", [("blockquote", "a")]),
        ("<blockquote expandable>a</blockquote>", "a", [("expandable_blockquote", "a")]),
        ("🎵<b>🎵 <i>b</i></b>c", "🎵🎵 bc", [("bold", "🎵 b"), ("italic", "b")]),
        ("<B>a</B><b >b</b >", "ab", [("bold", "a"), ("bold", "b")]),
        ("<b></b>a", "a", []),
        ("<b>a</>", "a", [("bold", "a")]),
        ("&lt;b&gt; &amp; &quot;x&quot; &#39;&#x1F3B5;", "<b> & \"x\" '🎵", []),
        ("AT&T &nbsp; & &#0; &copy;", "AT&T &nbsp; & &#0; &copy;", []),
        ("&lt;b&gt;not bold&lt;/b&gt;", "<b>not bold</b>", []),
        ("&amp;lt;", "&lt;", []),
        ("a > b", "a > b", []),
        ("<code><b>a</b></code>", "a", [("code", "a")]),
        # Space at the beginning stays where an entity begins in it.
        (" \n <b> a </b>\n ", " a", [("bold", " a")]),
        (" \n a \n ", "a", []),
        ("one\r\ntwo\x07three", "one\ntwo three", []),
    ],
)  # fmt: skip
def test_html_is_read_as_telegram_reads_it(source: str, text: str, entities: list[tuple[str, str]]) -> None:
    assert read(source) == (text, entities)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("a < b", 'Unsupported start tag "" at byte offset 2'),
        ("é<script>x</script>", 'Unsupported start tag "script" at byte offset 2'),
        ("<br/>", 'Unsupported start tag "br/" at byte offset 0'),
        ("I <3 you", 'Unsupported start tag "3" at byte offset 2'),
        ("I <3", "Unclosed start tag at byte offset 2"),
        ("<b>a", "Can't find end tag corresponding to start tag b"),
        ("<b><i>a</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("a</b>", "Unexpected end tag at byte offset 1"),
        ("<b>a</b", "Unclosed end tag at byte offset 4"),
        ("<a b>", 'Expected equal sign in declaration of an attribute of the tag "a" at byte offset 0'),
        ("<a =x>x</a>", 'Empty attribute name in the tag "a" at byte offset 0'),
        ("<a href=", 'Unclosed start tag "a" at byte offset 0'),
        ('<a href="x>x</a>', "Unclosed start tag at byte offset 0"),
        ("<a href=http://x.org>x</a>", "Unexpected end of name token at byte offset 8"),
        ('<span class="other">x</span>', 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<b", "Unclosed start tag at byte offset 0"),
        ("&#xD800;", "Text contains invalid Unicode characters after decoding HTML entities, "
                     "check for unmatched surrogate code units"),
    ],
)  # fmt: skip
def test_wrong_html_is_refused_and_its_place_told(source: str, error: str) -> None:
    with pytest.raises(ApiError) as refused:
        read(source)
    assert refused.value.description == f"Bad Request: can't parse entities: {error}"


def test_a_link_leads_where_it_says() -> None:
    text, entities = formatted(
        "<a href=\"https://label.example/a?b=1&amp;c=2\">song</a> <a href='label.example'>x</a> "
        '<a href="tg://user?id=7">Ann</a> <a href="http://localhost/">none</a> <a>label.example</a>',
        "html",
    )
    assert text == "song x Ann none label.example"
    assert [(entity.of(text), entity.url, entity.user_id) for entity in entities] == [
        ("song", "https://label.example/a?b=1&c=2", 0),
        ("x", "http://label.example/", 0),
        ("Ann", "", 7),
        ("label.example", "http://label.example/", 0),
    ]


def test_code_keeps_its_language() -> None:
    _, entities = formatted('<pre><code class="language-python">1</code></pre>', "HTML")
    assert entities == (Entity("pre", 0, 1, language="python"),)


def test_telegram_makes_clickable_what_looks_like_it() -> None:
    text = (
        "see https://label.example/x, t.me/label or me@label.example: /run @label_bot #song2 $ABC and/or a.b"
    )
    found, entities = formatted(text, "")
    assert found == text
    assert [(entity.type, entity.of(text)) for entity in entities] == [
        ("url", "https://label.example/x"),
        ("url", "t.me/label"),
        ("email", "me@label.example"),
        ("bot_command", "/run"),
        ("mention", "@label_bot"),
        ("hashtag", "#song2"),
        ("cashtag", "$ABC"),
    ]
    assert formatted(f"<code>{text}</code>", "HTML")[1] == (Entity("code", 0, len(text)),)


@pytest.mark.parametrize("mode", ["Markdown", "MarkdownV2"])
def test_markdown_is_said_to_be_unsupported(mode: str) -> None:
    with pytest.raises(ApiError, match=f"can't parse entities: the fake server does not support {mode}"):
        formatted("*x*", mode)


async def test_what_was_escaped_forges_nothing(fake: FakeTelegram, bot: Bot) -> None:
    forged = '</b><a href="https://evil.example">Approve</a>'
    escaped = forged.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    await bot.send_message(7, f"<b>Title:</b> {escaped}", parse_mode="HTML")
    (kept,) = fake.messages(7)
    assert kept.text == f"Title: {forged}"
    assert (kept.covered("text_link"), kept.covered("bold")) == ((), ("Title:",))
    with pytest.raises(BadRequest, match="Can't parse entities: unexpected end tag at byte offset 7"):
        await bot.send_message(7, f"Title: {forged}", parse_mode="HTML")
    await bot.send_message(7, f"<b>Title: {forged}", parse_mode="HTML")
    assert fake.messages(7)[1].covered("text_link") == ("Approve",)
