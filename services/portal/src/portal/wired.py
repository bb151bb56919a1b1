"""What the pages work with: opened once, in `main`."""

from dataclasses import dataclass

from redis.asyncio import Redis

from portal.asking import Services
from portal.assets import Assets
from portal.rendering import Rendering
from portal.settings import PortalSettings
from shared.keys import PrivateKeys


@dataclass(frozen=True)
class Wired:
    settings: PortalSettings
    redis: Redis
    services: Services
    keys: PrivateKeys
    rendering: Rendering
    assets: Assets
