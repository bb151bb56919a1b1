"""What identity's use cases work with."""

from dataclasses import dataclass

from identity.passwords import Passwords
from identity.settings import IdentitySettings
from shared.database import Database
from shared.keys import PrivateKeys, PublicKeys


@dataclass(frozen=True)
class Wired:
    settings: IdentitySettings
    database: Database
    keys: PrivateKeys
    public_keys: PublicKeys
    passwords: Passwords
