"""`python -m deploy.embedded exports FOLDER`: foreign exports through the imports, then one link from their truth.

The folder holds `accounts.csv`, `payments.csv`, `legacy_users.csv`, `truth.json` (per account: amounts that confirm a
link on the day `today`, and amounts that must not) and `legacy_truth.csv` (account_number, password, scheme, email).
"""

import csv
import json
import sys
import tempfile
from functools import partial
from pathlib import Path

import httpx2

from deploy.embedded.demo import imports, step
from deploy.embedded.journey import confirm_email, get_code, login, register
from deploy.embedded.launcher import EmbeddedSet
from deploy.embedded.person import Person, StepFailed, same
from deploy.embedded.sample import Payment


async def take(folder: Path) -> int:
    """0 only if the imports took the good rows, and what is true about an account and an old login came out."""
    with tempfile.TemporaryDirectory(prefix="kabinet-exports-") as scratch:
        async with EmbeddedSet(Path(scratch) / "set", free_ports=True) as kabinet:
            try:
                await imports(kabinet, folder)
                async with httpx2.AsyncClient(timeout=30) as http:
                    person = Person(kabinet=kabinet, http=http)
                    for act in (get_code, register, confirm_email, login):
                        await step(act.__name__.replace("_", " "), partial(act, person))
                    await step("link from the truth", partial(_link, person, folder))
                    await step("old login", partial(_old_login, person, folder))
            except StepFailed as failure:
                print(f"This step did not hold: {failure}", file=sys.stderr)
                return 1
    return 0


async def _link(person: Person, folder: Path) -> str:
    """An amount that must not link its account, then one that must."""
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["accounts"]
    useless = {number: [amount for amount in known["refuses"] if float(amount)] for number, known in truth.items()}
    number = next(number for number, known in truth.items() if known["confirms"] and useless[number])
    refused, _ = await person.link(Payment(number, useless[number][0]))
    linked, _ = await person.link(Payment(number, truth[number]["confirms"][0]))
    same((refused["status"], linked["status"]), ("refused", "linked"), f"account {number}")
    return f"account {number}: refused by an amount of no use, linked by the right one"


async def _old_login(person: Person, folder: Path) -> str:
    with (folder / "legacy_truth.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["email"]]
    for scheme in sorted({row["scheme"] for row in rows}):
        old = next(row for row in rows if row["scheme"] == scheme)
        await person.sign_in(old["account_number"], old["password"])
    return f"one of each of {len({row['scheme'] for row in rows})} kinds of hash came in"
