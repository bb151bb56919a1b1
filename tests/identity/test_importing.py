"""The old portal's users, imported."""

import asyncio
import csv
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from identity import old_credentials
from identity.importing import Imported, import_legacy
from identity.old_hashes import Costs, verify
from identity.settings import IdentitySettings
from shared.database import Database
from shared.importing import ImportRefused, TooManyRejects, unhurried
from shared.keys import CannotDecrypt, PrivateKeys, PublicKeys
from shared.settings import ServiceSettings
from tests.kit import Databases

NOVEMBER = date(2025, 11, 1)
DECEMBER = date(2025, 12, 1)


class ImporterSettings(ServiceSettings):
    service: ClassVar[str] = "identity"

    http_port: int = 8001


@pytest.fixture
def private_keys(keys: Path) -> PrivateKeys:
    return PrivateKeys(keys / "identity.private.jwks.json")


@pytest.fixture
async def database(databases: Databases, keys: Path) -> AsyncIterator[Database]:
    url = await databases.migrated("identity")
    settings = ImporterSettings(
        database_url=SecretStr(url),
        kafka_bootstrap_servers="",
        public_keys_file=keys / "public.jwks.json",
        private_keys_file=keys / "identity.private.jwks.json",
    )
    made = Database(unhurried(settings), PublicKeys(settings.public_keys_file))
    yield made
    await made.close()
    await databases.drop(url)


Import = Callable[..., Coroutine[Any, Any, Imported]]


@pytest.fixture
def importing(database: Database, private_keys: PrivateKeys, tmp_path: Path) -> Import:
    """`await importing([row, …], as_of)`: the rows as a file, imported."""

    async def run(rows: Sequence[Sequence[str]], as_of: date = NOVEMBER, **options: Any) -> Imported:
        path = tmp_path / "legacy_users.csv"
        with path.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream, delimiter=";").writerows([HEADER, *rows])
        return await import_legacy(database, private_keys, path, **{"digits": (8,), "as_of": as_of, **options})

    return run


HEADER = ["account_number", "password_hash", "email", "phone"]


def md5(password: str) -> str:
    return hashlib.md5(password.encode()).hexdigest()


async def known(database: Database) -> dict[str, Any]:
    async with database.transaction() as session:
        rows = (await session.execute(text("SELECT * FROM legacy_users ORDER BY account_number"))).all()
        return {row.account_number: row for row in rows}


def opens(keys: PrivateKeys, row: Any, password: str) -> bool:
    return verify(old_credentials.decrypted(keys, row.account_number, row.encrypted_hash), password)


async def move_away(database: Database, keys: PrivateKeys, number: str) -> None:
    """As the first right password does."""
    async with database.transaction() as session:
        await _move_away(session, keys, number)


async def _move_away(session: Any, keys: PrivateKeys, number: str) -> None:
    await session.execute(text("DELETE FROM legacy_users WHERE account_number = :number"), {"number": number})
    mark = old_credentials.mark(keys, number)
    await session.execute(text("INSERT INTO legacy_marks (number_hmac) VALUES (:mark)"), {"mark": mark})


async def test_old_user_is_known_by_number_with_contacts_in_one_form(
    importing: Import, database: Database, private_keys: PrivateKeys
) -> None:
    told = await importing([["67 123-456", md5("Лето2015"), "Petrova@MAIL.ru", "8 912 345-67-89"]])

    row = (await known(database))["67123456"]
    assert (told.new, told.file.good, told.file.noted) == (1, 1, 0)
    assert (row.email, row.phone, row.credentials_as_of) == ("Petrova@mail.ru", "+79123456789", NOVEMBER)
    assert (row.hash_kind, row.id.version) == ("md5", 7)
    assert opens(private_keys, row, "Лето2015")
    assert not opens(private_keys, row, "лето2015")


async def test_a_dump_shows_no_usable_hash(importing: Import, database: Database, private_keys: PrivateKeys) -> None:
    await importing([["67123456", md5("one"), "", ""], ["67123457", md5("one"), "", ""]])

    first, second = (await known(database)).values()
    assert md5("one") not in first.encrypted_hash
    assert first.encrypted_hash != second.encrypted_hash
    with pytest.raises(CannotDecrypt):
        old_credentials.decrypted(private_keys, "67123457", first.encrypted_hash)


async def test_an_address_or_phone_that_cannot_be_one_strands_nobody(
    importing: Import, database: Database, tmp_path: Path
) -> None:
    told = await importing(
        [["67123456", md5("one"), "petrova@", "12"], ["67123457", md5("one"), "two@x.ru;three@x.ru", ""]]
    )

    assert [(row.email, row.phone) for row in (await known(database)).values()] == [(None, None), (None, None)]
    assert (told.new, told.file.bad, told.file.noted) == (2, 0, 2)
    rejects = (tmp_path / "legacy_users.csv.rejected.csv").read_text()
    assert "taken, but without its email, which cannot be one; without its phone, which cannot be one" in rejects
    assert md5("one") not in rejects


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (["6712345", md5("one"), "", ""], "has 7 digits, not 8 or 10"),
        (["671234567", md5("one"), "", ""], "IDENTITY_ACCOUNT_NUMBER_DIGITS"),
        (["67１23456", md5("one"), "", ""], "not made of digits"),
        (["petrova", md5("one"), "", ""], "not made of digits"),
        (["67123456", "", "", ""], "the password hash is empty"),
        (["67123456", "not-a-hash", "", ""], "of no known kind"),
        (["67123456", "$2b$31$abcdefghijklmnopqrstuuK40.UmtDYyMcLS8JlJfMOEhWuR140Aa", "", ""], "too costly"),
        (["67123456", md5("one")], "2 columns instead of 4"),
    ],
)
async def test_a_row_that_nobody_could_log_in_by_is_rejected_by_name(
    importing: Import, database: Database, tmp_path: Path, row: list[str], reason: str
) -> None:
    with pytest.raises(TooManyRejects):
        await importing([row], digits=(8, 10))

    assert await known(database) == {}
    assert reason in (tmp_path / "legacy_users.csv.rejected.csv").read_text()


async def test_a_later_import_renews_and_keeps_the_id(
    importing: Import, database: Database, private_keys: PrivateKeys
) -> None:
    await importing([["67123456", md5("one"), "", ""]])
    before = (await known(database))["67123456"]

    told = await importing([["67123456", md5("two"), "a@x.ru", ""], ["67123457", md5("two"), "a@x.ru", ""]], DECEMBER)

    after = (await known(database))["67123456"]
    assert (told.new, told.renewed, told.kept, told.moved) == (1, 1, 0, 0)
    assert (after.id, after.email, after.credentials_as_of) == (before.id, "a@x.ru", DECEMBER)
    assert opens(private_keys, after, "two")


async def test_an_older_file_after_a_newer_ends_in_the_same_state(
    importing: Import, database: Database, private_keys: PrivateKeys
) -> None:
    older = [["67000001", md5("old"), "old@x.ru", ""], ["67000002", md5("old"), "", ""]]
    newer = [["67000001", md5("new"), "new@x.ru", ""], ["67000003", md5("new"), "", ""]]

    await importing(newer, DECEMBER)
    told = await importing(older, NOVEMBER)

    rows = await known(database)
    assert (told.new, told.renewed, told.kept) == (1, 0, 1)
    assert {number: row.credentials_as_of for number, row in rows.items()} == {
        "67000001": DECEMBER,
        "67000002": NOVEMBER,
        "67000003": DECEMBER,
    }
    assert rows["67000001"].email == "new@x.ru"
    assert opens(private_keys, rows["67000001"], "new")


async def test_the_same_file_twice_changes_nothing_but_the_day_of_import(importing: Import, database: Database) -> None:
    rows = [["67000001", md5("one"), "a@x.ru", ""], ["67000001", md5("two"), "b@x.ru", ""]]
    await importing(rows)
    before = await known(database)

    told = await importing(rows)

    after = await known(database)
    assert (told.new, told.renewed) == (0, 1)
    assert [(row.id, row.email) for row in before.values()] == [(row.id, row.email) for row in after.values()]
    assert after["67000001"].email == "b@x.ru"


async def test_who_moved_away_does_not_come_back_by_a_later_import(
    importing: Import, database: Database, private_keys: PrivateKeys
) -> None:
    await importing([["67000001", md5("one"), "", ""], ["67000002", md5("one"), "", ""]])
    await move_away(database, private_keys, "67000001")

    told = await importing([["67000001", md5("one"), "", ""], ["67000002", md5("one"), "", ""]], DECEMBER)

    assert (told.moved, told.renewed) == (1, 1)
    assert list(await known(database)) == ["67000002"]


async def test_who_moves_away_while_a_file_is_imported_does_not_come_back(
    importing: Import, database: Database, private_keys: PrivateKeys
) -> None:
    await importing([["67000001", md5("one"), "", ""]])
    async with database.transaction() as session:
        await _move_away(session, private_keys, "67000001")
        later = asyncio.create_task(importing([["67000001", md5("one"), "", ""]], DECEMBER))
        await someone_waits(database)

    await later

    assert await known(database) == {}


async def someone_waits(database: Database) -> None:
    """Until a statement of this database waits for another's row."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(10):
        while True:
            async with database.transaction() as session:
                if (await session.execute(text(waiting))).scalar_one():
                    return


async def test_a_file_from_the_future_is_refused(importing: Import) -> None:
    with pytest.raises(ImportRefused, match="from the future"):
        await importing([], datetime.now(UTC).date() + timedelta(days=2))


async def test_one_address_on_many_old_logins_is_no_obstacle(importing: Import, database: Database) -> None:
    await importing([[f"6700000{n}", md5("one"), "family@x.ru", ""] for n in range(5)])

    assert {row.email for row in (await known(database)).values()} == {"family@x.ru"}


async def test_a_hash_above_the_cost_that_is_set_is_a_bad_row_with_its_reason(
    importing: Import, database: Database, tmp_path: Path
) -> None:
    dear = "$2b$12$abcdefghijklmnopqrstuuK40.UmtDYyMcLS8JlJfMOEhWuR140Aa"
    rows = [["67000001", dear, "", ""], ["67000002", md5("one"), "", ""]]

    await importing(rows, costs=Costs(bcrypt_cost=11), accept_rejects=True)

    assert list(await known(database)) == ["67000002"]
    reason = "the password hash is too costly: bcrypt's cost 12 is above 11"
    assert reason in (tmp_path / "legacy_users.csv.rejected.csv").read_text()


def test_every_scheme_has_a_setting_for_what_it_may_cost() -> None:
    names = {f"legacy_{name}" for name in Costs.__dataclass_fields__}

    defaults = {name: IdentitySettings.model_fields[name].default for name in names}

    assert Costs(**{name.removeprefix("legacy_"): value for name, value in defaults.items()}) == Costs()


def test_marks_made_in_bulk_are_the_marks(private_keys: PrivateKeys) -> None:
    made = old_credentials.marker(private_keys)("67123456")

    assert made == old_credentials.marks(private_keys, "67123456")
    assert old_credentials.mark(private_keys, "67123456") == made[0]
