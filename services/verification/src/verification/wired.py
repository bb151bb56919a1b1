"""What verification's use cases work with."""

from dataclasses import dataclass, field

from shared.database import Database
from shared.keys import PrivateKeys
from verification.live_codes import LiveCodes
from verification.rules import Rule
from verification.settings import VerificationSettings


@dataclass(frozen=True)
class Wired:
    settings: VerificationSettings
    database: Database
    keys: PrivateKeys
    live: LiveCodes
    alarmed: dict[Rule, float] = field(default_factory=dict)
    """When this process last raised the alarm of a rule, by its monotonic clock."""
