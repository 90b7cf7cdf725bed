"""Writes json/*.json from the code: `python -m deploy.grafana.build`."""

from collections.abc import Mapping
from pathlib import Path

from deploy.grafana.dashboards import BOARDS

FOLDER = Path(__file__).parent / "json"


def files() -> Mapping[str, str]:
    """Each file's name and content."""
    return {f"{board.uid}.json": board.to_json() for board in BOARDS}


def write(folder: Path = FOLDER) -> None:
    """Writes every dashboard, and removes the files of those that are no more."""
    folder.mkdir(exist_ok=True)
    wanted = files()
    for path in folder.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (folder / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    write()
