"""`python -m services.release` runs the release service alone."""

from services.chassis.lifecycle import main
from services.release.app import build
from services.release.settings import Settings

main(build, Settings)
