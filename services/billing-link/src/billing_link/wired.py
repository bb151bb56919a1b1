"""What the doors of a running billing-link have at hand."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from billing_link.settings import BillingLinkSettings
from billing_link.waiting import Waiting
from shared.database import Database


@dataclass(frozen=True)
class Wired:
    settings: BillingLinkSettings
    database: Database
    waiting: Waiting

    @property
    def zone(self) -> ZoneInfo:
        return self.settings.time_zone
