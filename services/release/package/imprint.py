"""Under whose name packages are made, as the settings say it."""

from dataclasses import dataclass
from typing import Literal

from services.release.package.documents import DdexParties


@dataclass(frozen=True, slots=True)
class Imprint:
    """The label, and how its DDEX messages are written. An empty identifier: there is none."""

    label: str = "AI Artist Label"
    ddex_version: Literal["4.3", "4.1.1", "3.8.2"] = "4.3"
    ddex_sender: str = ""
    ddex_recipient: str = ""
    ddex_recipient_name: str = "Distributor"

    def parties(self) -> DdexParties:
        """What `metadata.json` says of the message."""
        return DdexParties(
            version=self.ddex_version,
            sender=self.ddex_sender or None,
            recipient=self.ddex_recipient or None,
            recipient_name=self.ddex_recipient_name,
        )
