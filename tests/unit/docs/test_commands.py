"""What the operators' pages tell people to type exists, and what they link to is there."""

import re
from pathlib import Path

import click
import pytest
import typer

from cli.main import app

REPO = Path(__file__).resolve().parents[3]
DOCS = REPO / "docs"
PAGES = [page for name in ("operations", "kubernetes", "scaling") if (page := DOCS / f"{name}.md").exists()]
_TARGET = re.compile(r"^([a-z0-9-]+):(?!=)", re.MULTILINE)
_MAKE = re.compile(r"(?:`|^    |; |\$\()make (?:-s )?([a-z][a-z0-9-]*)", re.MULTILINE)
_AIARTIST = re.compile(r"(?:`|^    |^ +\d\. |/bin/)aiartist +((?:[a-z-]+ ?)+)", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FILE = re.compile(r"(?<![\w/.-])(deploy/[a-z0-9_./-]*[a-z0-9])")


def commands() -> click.Command:
    return typer.main.get_command(app)


def unknown(words: list[str]) -> str:
    """The first of these words that is no command where it stands; empty: all are, or are arguments."""
    command = commands()
    for number, word in enumerate(words):
        # Not by its type: typer has a group of its own.
        known = getattr(command, "commands", None)
        if not known:
            return ""
        if word not in known:
            # A group may be followed by prose where it does something by itself.
            return "" if number and getattr(command, "invoke_without_command", False) else word
        command = known[word]
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_on_the_page_exists(page: Path) -> None:
    targets = set(_TARGET.findall((REPO / "Makefile").read_text()))
    named = set(_MAKE.findall(page.read_text()))
    assert named - targets == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_aiartist_command_on_the_page_exists(page: Path) -> None:
    named = [found.split() for found in _AIARTIST.findall(page.read_text())]
    assert [" ".join(words) for words in named if unknown(words)] == []


def test_the_operators_page_names_commands_of_both_kinds() -> None:
    text = (DOCS / "operations.md").read_text()
    assert len(set(_MAKE.findall(text))) >= 4
    assert len({tuple(found.split()) for found in _AIARTIST.findall(text)}) >= 12
    assert unknown(["artist", "paint"]) == "paint"
    assert unknown(["artists"]) == "artists"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(page.read_text()):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_of_deploy_that_a_page_names_is_there(page: Path) -> None:
    named = set(_FILE.findall(page.read_text()))
    # A deployment in a cluster is called so too: `kubectl logs deploy/release`.
    missing = {name for name in named if not (REPO / name).exists() and "/" in name.removeprefix("deploy/")}
    assert missing == set()


def anchors(page: Path) -> set[str]:
    """A page's headings as links name them."""
    headings = re.findall(r"^#+ +(.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
