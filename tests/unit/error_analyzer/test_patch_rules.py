"""Which suggestions are refused, before anything is run: by the form of the diff, the paths and the code."""

from pathlib import Path

import pytest

from services.error_analyzer.domain import InvalidFix, Suggestion
from services.error_analyzer.repair import diffs
from services.error_analyzer.repair.rules import allowed, judge_form
from services.error_analyzer.settings import Settings
from tests.support.repositories import DIFF, GOOD, TEST_CODE, TEST_PATH, settings_for


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for(tmp_path, tmp_path / "data")


def suggest(
    diff: str = DIFF, *, path: str = "", test_path: str = TEST_PATH, code: str = TEST_CODE
) -> Suggestion:
    return Suggestion(diff.replace("services/shop/prices.py", path) if path else diff, test_path, code, "")


def test_a_plain_change_of_an_allowed_file_is_in_order(settings: Settings) -> None:
    (file,) = judge_form(GOOD, settings)
    assert file.path == "services/shop/prices.py"


def test_a_diff_that_is_counted_badly_is_counted_again() -> None:
    badly = DIFF.replace("@@ -8,3 +8,5 @@", "@@ -8,7 +8,1 @@")
    assert diffs.write(diffs.read(badly)) == DIFF


def test_what_is_read_and_written_is_read_the_same_again() -> None:
    two = DIFF + DIFF.replace("shop", "till")
    read = diffs.read(two)
    assert [file.path for file in read] == ["services/shop/prices.py", "services/till/prices.py"]
    assert diffs.read(diffs.write(read)) == read


def test_a_removed_line_that_looks_like_a_header_stays_a_line() -> None:
    text = "--- a/services/a.py\n+++ b/services/a.py\n@@ -1,2 +1,2 @@\n x = 1\n--- a/y\n+++ b/y\n"
    (file,) = diffs.read(text)
    assert file.hunks[0].lines == (" x = 1", "--- a/y", "+++ b/y")


@pytest.mark.parametrize(
    ("diff", "reason"),
    [
        ("", "empty"),
        ("just words", "is not '--- a/...'"),
        (DIFF.replace("--- a/services/shop/prices.py", "--- /dev/null"), "makes a new file"),
        (DIFF.replace("--- a", "new file mode 100644\n--- a"), "makes a new file"),
        (DIFF.replace("+++ b/services/shop/prices.py", "+++ /dev/null"), "deletes a file"),
        (DIFF.replace("--- a", "deleted file mode 100644\n--- a"), "deletes a file"),
        (DIFF.replace("--- a", "old mode 100644\nnew mode 100755\n--- a"), "file's mode"),
        (DIFF.replace("--- a", "similarity index 90%\nrename from x\n--- a"), "renames"),
        (DIFF.replace("+++ b/services/shop", "+++ b/services/till"), "renames"),
        (DIFF.replace("--- a", "copy from x\n--- a"), "copies"),
        ("diff --git a/x.py b/x.py\nGIT binary patch\nliteral 0\n", "binary"),
        ("diff --git a/x.py b/x.py\nBinary files a/x.py and b/x.py differ\n", "binary"),
        (DIFF.replace("shop/prices.py b/", "shop/prices.py b/x/"), "names no file, or two"),
        (DIFF + DIFF, "twice"),
        (DIFF.replace("+", " "), "is not '+++ b/...'"),
        (DIFF.split("@@")[0], "changes nothing"),
        (DIFF.replace("return 0", "return 0\0"), "control characters"),
        (DIFF.replace("return 0", "return 0\r"), "control characters"),
        (DIFF.split("@@")[0] + "@@ -8,0 +8,1 @@\n+x = 1\n", "no line of the file as it is"),
        (DIFF + "garbage\n", "is no line of a hunk"),
        (DIFF + "+x\n" * 200_000, "longer than"),
    ],
)
def test_a_diff_that_is_more_than_changed_lines_is_refused(
    settings: Settings, diff: str, reason: str
) -> None:
    with pytest.raises(InvalidFix, match=reason.replace("+", r"\+").replace("...", r"\.\.\.")):
        judge_form(suggest(diff), settings)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../other/services/x.py",
        "services/../../x.py",
        "services/./x.py",
        "services//x.py",
        '"services/x.py"',
        "services/x\\056py",
        "services/.git/hooks/x.py",
        ".git/config.py",
        ".github/workflows/x.py",
        ".ci/run.py",
        "services/.hidden.py",
        "services/tests/x.py",
        "services/Tests/x.py",
        "services/test_x.py",
        "services/x_test.py",
        "services/conftest.py",
        "services/CONFTEST.py",
        "services/setup.py",
        "services/client_secrets.py",
        "services/credentials.py",
        "services/store/migrations/x.py",
        "services/error_analyzer/repair/rules.py",
        "services/error_analyzer/intake/lines.py",
        "services/Error_Analyzer/domain.py",
        "services/chassis/redaction.py",
        "services/chassis/logs.py",
        "services/chassis/settings.py",
        "services/chassis/shipping.py",
        "services/db_password.py",
        "services/aws_credentials.py",
        "services/x.sql",
        "services/Makefile",
        "services/pyproject.toml",
        "services/.env",
        "services/key.pem",
        "tests/autofix/helper.py",
        "setup.py",
        "deploy/x.py",
        "services/ünsafe.py",
    ],
)
def test_a_fix_changes_no_file_that_decides_about_fixes_or_is_elsewhere(
    settings: Settings, path: str
) -> None:
    with pytest.raises(InvalidFix):
        judge_form(suggest(path=path), settings)


@pytest.mark.parametrize(
    "path",
    [
        "tests/test_x.py",
        "tests/autofix/deeper/test_x.py",
        "tests/autofix/../test_x.py",
        "tests/autofix/conftest.py",
        "tests/autofix/test_x.txt",
        "tests/autofix/test_.py.py",
        "/tests/autofix/test_x.py",
        "",
    ],
)
def test_the_test_is_in_its_folder_and_named_as_one(settings: Settings, path: str) -> None:
    with pytest.raises(InvalidFix, match="the test's"):
        judge_form(suggest(test_path=path), settings)


def test_a_fix_is_small(tmp_path: Path) -> None:
    few = settings_for(tmp_path, tmp_path, auto_fix_max_lines=1, auto_fix_max_files=1)
    with pytest.raises(InvalidFix, match="2 lines; at most 1"):
        judge_form(GOOD, few)
    with pytest.raises(InvalidFix, match="2 files; at most 1"):
        judge_form(suggest(DIFF + DIFF.replace("shop", "till")), few)
    with pytest.raises(InvalidFix, match="longer than 300 lines"):
        judge_form(suggest(code="x = 1\n" * 301), settings_for(tmp_path, tmp_path))


@pytest.mark.parametrize(
    ("path", "glob", "matches"),
    [
        ("services/a.py", "services/**/*.py", True),
        ("services/a/b/c.py", "services/**/*.py", True),
        ("services/a.txt", "services/**/*.py", False),
        ("other/services/a.py", "services/**/*.py", False),
        ("services/a/b.py", "services/*.py", False),
        ("services/a/b.py", "services/**", True),
        ("servicesx/a.py", "services/**", False),
        ("cli/a1.py", "cli/a?.py", True),
        ("cli/a+.py", "cli/a+.py", True),
    ],
)
def test_globs_match_whole_paths(path: str, glob: str, matches: bool) -> None:
    assert allowed(path, [glob]) is matches


def test_a_text_with_half_a_character_is_refused(settings: Settings) -> None:
    for broken in (
        suggest(DIFF.replace("return 0", "return '\ud800'")),
        suggest(code=TEST_CODE + "# \ud800\n"),
    ):
        with pytest.raises(InvalidFix, match="control characters"):
            judge_form(broken, settings)
