"""Runs error_analyzer alone: `python -m services.error_analyzer`."""

from services.chassis.lifecycle import main
from services.error_analyzer.app import build
from services.error_analyzer.settings import Settings

if __name__ == "__main__":
    main(build, Settings)
