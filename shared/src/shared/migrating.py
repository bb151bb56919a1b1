"""Migrations: alembic over the kernel's branch and a service's own, one at a time whoever starts them."""

import os

from alembic import command
from alembic.config import Config

from shared.database import KERNEL_MIGRATIONS, migration_folders

MIGRATION_LOCK = 0x6B616269  # "kabi"


def config_for(service_package: str, dsn: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(KERNEL_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", os.pathsep.join(map(str, migration_folders(service_package))))
    config.attributes["service_package"] = service_package
    config.attributes["dsn"] = dsn
    return config


def migrate(service_package: str, dsn: str, revision: str = "heads") -> None:
    """Bring the schema to `revision`, or back down to it. Safe to start from several places at once."""
    config = config_for(service_package, dsn)
    if revision == "base":
        command.downgrade(config, "base")
    else:
        command.upgrade(config, revision)


def autogenerate(service_package: str, dsn: str, message: str) -> None:
    """Write a new migration of the service's own branch from the difference between its tables and the database."""
    config = config_for(service_package, dsn)
    command.revision(config, message, autogenerate=True, head=f"{service_package}@head")


def check(service_package: str, dsn: str) -> None:
    """Raise where the tables in code and the migrated database differ."""
    command.check(config_for(service_package, dsn))
