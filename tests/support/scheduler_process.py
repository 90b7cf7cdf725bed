"""`python -m tests.support.scheduler_process DATABASE_URL PEERS STAGE`: a replica that stays in one stage.

Writes its port, and then the run's id when the stage was begun. It is there to be killed.
"""

import asyncio
import sys

from services.chassis import logs
from services.scheduler.domain import Outcome, Run
from services.scheduler.stages import Report
from tests.support.scheduler_replica import running_scheduler
from tests.support.stub_stages import StubStages


async def main(database_url: str, peers_address: str, stage_name: str) -> None:
    logs.configure(level="warning", format="json")
    stages = StubStages()
    stage = next(stage for stage in stages.reflecting if stage.name == stage_name)

    async def stay(run: Run, report: Report) -> Outcome:
        await report("half way", 1, 2)
        sys.stdout.write(f"{run.id}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()
        raise AssertionError

    stage.act = stay
    async with running_scheduler(database_url, peers_address, stages.reflecting) as replica:
        sys.stdout.write(f"{replica.app.port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
