"""Stating every user anew, on real PostgreSQL."""

from pathlib import Path

from identity import restating
from identity.restating import restate
from shared.contracts.identity import EmailConfirmationRequested, RegisteredContacts, UserStated
from tests.identity.conftest import Identity
from tests.identity.test_signing_in import NUMBER, OLD, OLD_HASH


async def test_every_user_is_stated_and_nobody_else(identity: Identity, tmp_path: Path) -> None:
    first = await identity.registered()
    second = await identity.registered(
        login="ivanov", email="ivanov@mail.ru", phone="+79120000001", phone_proof=identity.phone_proof("+79120000001")
    )
    await identity.running.rows("UPDATE users SET status = 'blocked' WHERE login = 'ivanov' RETURNING 1")
    await identity.register(login="waiting", phone="+79120000002", phone_proof=identity.phone_proof("+79120000002"))
    await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "", ""))
    letters = len(await identity.running.said(EmailConfirmationRequested))
    told: list[tuple[int, int]] = []

    count = await restate(identity.running.kernel.database, lambda *progress: told.append(progress))

    events = await identity.running.said(UserStated)
    assert (count, told) == (2, [(2, 2)])
    assert [str(event.user_id) for event in events] == [first, second]
    assert identity.opened(events[1], RegisteredContacts) == RegisteredContacts(
        login="ivanov", email="ivanov@mail.ru", phone="+79120000001"
    )
    assert len(await identity.running.said(EmailConfirmationRequested)) == letters


async def test_address_that_was_never_confirmed_is_not_stated(identity: Identity, tmp_path: Path) -> None:
    await identity.import_old(tmp_path, (NUMBER, OLD_HASH, "", ""))
    ticket = (await identity.sign_in(NUMBER, OLD)).json()["ticket"]
    await identity.client.post("/v1/legacy-sessions", json={"ticket": ticket, "email": "typed@mail.ru"})

    await restate(identity.running.kernel.database)

    [event] = await identity.running.said(UserStated)
    assert identity.opened(event, RegisteredContacts).email is None


async def test_many_users_are_stated_batch_by_batch(identity: Identity) -> None:
    users = restating.BATCH_USERS * 2 + 1
    await identity.running.rows(
        "INSERT INTO users (id, login, login_key, status, password_hash, password_weak, locale, origin)"
        " SELECT gen_random_uuid(), 'u' || n, 'u' || n, 'active', '', false, 'en', 'registered'"
        f" FROM generate_series(1, {users}) AS n RETURNING 1"
    )
    told: list[int] = []

    count = await restate(identity.running.kernel.database, lambda moved, _of: told.append(moved))

    assert (count, told) == (users, [restating.BATCH_USERS, restating.BATCH_USERS, 1])
    stated = await identity.running.said(UserStated)
    assert (len(stated), len({event.user_id for event in stated})) == (users, users)
