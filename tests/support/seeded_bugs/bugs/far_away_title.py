"""Letters that an encoding does not have."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="far_away_title",
    kind="encoding error",
    function="mixtape.export.attachment",
    error="UnicodeEncodeError: 'latin-1' codec can't encode characters in position",
    log="json",
    jobs=(Job("export.attachment", {"text": "title,streams\n雨の夜,30\n"}),),
    cause="attachment() encodes as Latin-1, which has no letters for titles in Japanese.",
    severity="high",
    evidence="""    return base64.b64encode(text.encode("latin-1")).decode()""",
    note="Latin-1 knows 256 letters.",
    before="""\
    return base64.b64encode(text.encode("latin-1")).decode()
""",
    after="""\
    return base64.b64encode(text.encode("utf-8")).decode()
""",
    test="""\
import base64

from mixtape import export


def test_titles_may_be_in_any_script():
    assert base64.b64decode(export.attachment("雨の夜")).decode() == "雨の夜"
""",
    explanation="Sheets are encoded as UTF-8, which has every letter, and is the same for plain ones.",
)
