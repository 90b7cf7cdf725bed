"""`python -m services.orchestrator` runs this service alone."""

from services.chassis.lifecycle import main
from services.orchestrator.app import build
from services.orchestrator.settings import Settings

if __name__ == "__main__":
    main(build, Settings)
