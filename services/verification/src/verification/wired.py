"""What verification's use cases work with."""

from dataclasses import dataclass

from shared.database import Database
from shared.keys import PrivateKeys
from verification.live_codes import LiveCodes
from verification.settings import VerificationSettings


@dataclass(frozen=True)
class Wired:
    settings: VerificationSettings
    database: Database
    keys: PrivateKeys
    live: LiveCodes
