"""What housekeeping removes of identity's rows, and what it leaves, on real PostgreSQL."""

from pathlib import Path

from identity.main import service
from shared.housekeeping import purge
from tests.identity.conftest import Identity
from tests.identity.test_signing_in import NUMBER, OLD_HASH


async def purge_all(identity: Identity) -> dict[str, int]:
    """How many rows of each table went."""
    database = identity.running.kernel.database
    conditions = service.expired(identity.running.kernel.settings)
    return {table: await purge(database, table, condition) for table, condition in conditions.items()}


async def test_what_is_alive_stays(identity: Identity, tmp_path: Path) -> None:
    await identity.registered()
    await identity.register(login="ivanov", phone="+79120000001", phone_proof=identity.phone_proof("+79120000001"))
    await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "", ""))
    await identity.sign_in()
    await identity.sign_in(password="не тот")

    gone = await purge_all(identity)

    assert {table: count for table, count in gone.items() if count} == {}


async def test_what_has_served_its_time_goes(identity: Identity) -> None:
    await identity.registered()
    await identity.register(login="ivanov", phone="+79120000001", phone_proof=identity.phone_proof("+79120000001"))
    await identity.sign_in()
    await identity.running.rows(
        "INSERT INTO erasures (id, user_id, completed_at) VALUES (gen_random_uuid(), gen_random_uuid(), now())"
        " RETURNING 1"
    )
    await identity.running.rows(
        "INSERT INTO erasure_receipts (user_id, service) SELECT user_id, 'notifier' FROM erasures RETURNING 1"
    )
    for table, column in (
        ("users", "created_at"),
        ("phone_proofs", "expires_at"),
        ("one_time_tokens", "expires_at"),
        ("letter_requests", "created_at"),
        ("sessions", "last_seen_at"),
        ("devices", "seen_at"),
        ("history_entries", "at"),
        ("erasures", "completed_at"),
        ("erasure_receipts", "received_at"),
    ):
        await identity.let_pass(table, column, "400 days")

    gone = await purge_all(identity)

    assert {table: count for table, count in gone.items() if table not in ("guesses", "guess_counters")} == {
        "users": 1,
        "phone_proofs": 2,
        "one_time_tokens": 2,
        "letter_requests": gone["letter_requests"],
        "sessions": 1,
        "history_entries": 1,
        "devices": 1,
        "erasures": 1,
        "erasure_receipts": 1,
    }
    assert gone["letter_requests"] > 0
    assert await identity.running.rows("SELECT login FROM users") == [("petrova",)]
