"""Migrations: alembic over the kernel's branch and a service's own, one at a time whoever starts them."""

import os
import time
from collections.abc import Callable

from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError

from shared.complaints import CannotGoOn
from shared.database import KERNEL_MIGRATIONS, migration_folders

MIGRATION_LOCK = 0x6B616269  # "kabi"
LOCK_SECONDS = 3
"""So long a migration waits for a table at a time: whoever wants the table too waits behind it."""
PAUSE_SECONDS = 2.0
GIVE_UP_SECONDS = 300.0
LOCK_NOT_AVAILABLE = "55P03"


def config_for(service_package: str, dsn: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(KERNEL_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", os.pathsep.join(map(str, migration_folders(service_package))))
    config.attributes["service_package"] = service_package
    config.attributes["dsn"] = dsn
    return config


def migrate(
    service_package: str, dsn: str, revision: str = "heads", waiting: Callable[[], None] = lambda: None
) -> None:
    """Bring the schema to `revision`, or back down to it. Safe to start from several places at once.

    Where somebody holds a table it tries again, and calls `waiting` each time; `CannotGoOn` after `GIVE_UP_SECONDS`.
    """
    config, deadline = config_for(service_package, dsn), time.monotonic() + GIVE_UP_SECONDS
    turn = command.downgrade if revision == "base" else command.upgrade
    while True:
        try:
            return turn(config, revision)
        except DBAPIError as problem:
            if getattr(problem.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
                raise
            if time.monotonic() > deadline:
                raise CannotGoOn(
                    "A long transaction holds a table that the migration needs: end it (docs/runbooks/slow.md), then"
                    " start the migration again. Nothing was changed."
                ) from None
        waiting()
        time.sleep(PAUSE_SECONDS)


def autogenerate(service_package: str, dsn: str, message: str) -> None:
    """Write a new migration of the service's own branch from the difference between its tables and the database."""
    config = config_for(service_package, dsn)
    command.revision(config, message, autogenerate=True, head=f"{service_package}@head")


def check(service_package: str, dsn: str) -> None:
    """Raise where the tables in code and the migrated database differ."""
    command.check(config_for(service_package, dsn))
