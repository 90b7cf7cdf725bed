"""`python -m services.artist_db` runs this service alone."""

from services.artist_db.app import build
from services.artist_db.settings import Settings
from services.chassis.lifecycle import main

if __name__ == "__main__":
    main(build, Settings)
