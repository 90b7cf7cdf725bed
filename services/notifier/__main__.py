"""Runs notifier alone: `python -m services.notifier`."""

from services.chassis.lifecycle import main
from services.notifier.app import build
from services.notifier.settings import Settings

if __name__ == "__main__":
    main(build, Settings)
