"""What people see of a message's HTML."""

from html.parser import HTMLParser


def read(text: str) -> str:
    """The text; fails where a tag does not close."""

    class Reader(HTMLParser):
        seen, open_tags = "", 0

        def handle_data(self, data: str) -> None:
            self.seen += data

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.open_tags += 1

        def handle_endtag(self, tag: str) -> None:
            self.open_tags -= 1

    reader = Reader(convert_charrefs=True)
    reader.feed(text)
    reader.close()
    assert reader.open_tags == 0
    return reader.seen
