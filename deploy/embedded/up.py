"""`make up`: everything in the foreground, with a sample the first time, until it is stopped."""

import asyncio
import shlex
from datetime import date, datetime, timedelta
from pathlib import Path
from time import monotonic
from zoneinfo import ZoneInfo

from deploy.embedded import sample
from deploy.embedded.launcher import EmbeddedSet
from deploy.embedded.ports import HOST

SAMPLE_AGES = timedelta(days=80)
"""After that its payments are older than the three months in which an amount links."""


async def up(folder: Path) -> int:
    """Runs until the task is cancelled, then stops everything in order."""
    began = monotonic()
    print(f"Kabinet starts; its data is in {folder}")
    try:
        async with EmbeddedSet(folder) as kabinet:
            print(f"Everything answers after {monotonic() - began:.1f} s.")
            tries = await _sample(kabinet)
            print(_where(kabinet) + tries + "\nCtrl-C stops it.")
            try:
                await asyncio.Event().wait()
            finally:
                print("\nStopping: services, then Kafka, Redis and PostgreSQL …")
    except asyncio.CancelledError:
        print("Stopped. `make up` goes on where it was, `make clean` removes the data.")
        raise
    return 0


def _where(kabinet: EmbeddedSet) -> str:
    lines = [f"  {'the cabinet':16} {kabinet.urls['portal']}", f"  {'letters and SMS':16} {kabinet.mailbox_url}"]
    lines += [f"  {service:16} {url}" for service, url in reversed(kabinet.urls.items()) if service != "portal"]
    memory = sum(process.pss for process in kabinet.processes())
    return (
        "\nWhere things are\n"
        + "\n".join(lines)
        + f"\n  {'PostgreSQL':16} {HOST}:{kabinet.ports['postgres']}"
        + f"\n  {'Redis':16} {HOST}:{kabinet.ports['redis']}"
        + f"\n  {'Kafka':16} {kabinet.env['KAFKA_BOOTSTRAP_SERVERS']}"
        + f"\n  {'logs':16} {_typed(kabinet.folder / 'logs')}"
        + f"\n  {'settings':16} set -a; . {_typed(kabinet.folder / 'env')}; set +a"
        + f"\n  {'memory':16} {memory:.0f} MiB\n"
    )


def _typed(path: Path) -> str:
    """As one would type it in a shell here."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


async def _sample(kabinet: EmbeddedSet) -> str:
    """What to try. Loads the sample the first time; later runs keep it, for it is relative to the day it was made."""
    folder = kabinet.folder / "sample"
    loaded, tries = folder / "loaded", folder / "try.txt"
    if loaded.exists():
        made_on = date.fromisoformat(loaded.read_text())
        old = "  (the sample is getting old; `make clean` and a new start make a fresh one)\n"
        return tries.read_text() + (old if _today() - made_on > SAMPLE_AGES else "")
    today = _today()
    print("Loading a sample: accounts, payments and users of the old portal …")
    made = sample.make(folder, today)
    await kabinet.run("billing-link", "import", "--accounts", made.accounts, "--payments", made.payments)
    await kabinet.run("identity", "import-legacy", made.legacy_users)
    tries.write_text(_tries(made))
    loaded.write_text(today.isoformat())
    return tries.read_text()


def _today() -> date:
    """As the service that links accounts counts days."""
    return datetime.now(ZoneInfo("Europe/Moscow")).date()


def _tries(made: sample.Sample) -> str:
    known, unknown = made.old_login_with_email, made.old_login_without_email
    links, comma = made.links, made.links_with_comma
    return (
        "\nWhat to try\n"
        f"  an account that links       {links.account_number}, amount {links.amount}\n"
        f"  another, with a comma       {comma.account_number}, amount {comma.amount}\n"
        f"  old portal, with e-mail     login {known.login}, password {known.password}   ({known.email})\n"
        f"  old portal, without e-mail  login {unknown.login}, password {unknown.password}\n"
    )
