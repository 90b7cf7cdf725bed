"""`python -m services.scheduler`: this service alone, until a signal."""

from services.chassis.lifecycle import main
from services.scheduler.app import build
from services.scheduler.settings import Settings

main(build, Settings)
