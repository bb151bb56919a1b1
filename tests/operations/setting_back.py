"""A database set back to an earlier moment while people go on: the steps of docs/runbooks/postgres-restored.md."""

import asyncio
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx2

from deploy.embedded.launcher import EmbeddedSet
from deploy.embedded.person import NEW_PASSWORD, PASSWORD, token_in
from deploy.embedded.sample import Sample
from tests.kit import eventually
from tests.operations.people import Customer, customers
from tests.operations.programs import all_sent, dumped, emptied, put_back, rows, service

OWED = "SELECT count(*) FROM erasures WHERE completed_at IS NULL"
WITH_EVENTS = ("identity", "billing-link", "notifier")


def moment() -> str:
    """Now, as the commands take it."""
    return datetime.now(UTC).isoformat(timespec="seconds").removesuffix("+00:00")


async def identity_is_set_back(kabinet: EmbeddedSet, http: httpx2.AsyncClient, folder: Path) -> None:
    """Somebody erased, somebody with a new password, somebody signed out and somebody new: all in the lost time."""
    olga, ivan, pyotr = await customers(kabinet, http, "olga", "ivan", "pyotr")
    elsewhere = await pyotr.sign_in(pyotr.login, PASSWORD)
    await all_sent(kabinet, *WITH_EVENTS)
    since, backup = moment(), await dumped(kabinet, "identity", folder / "identity.dump")

    assert await olga.status("POST", "identity", "/v1/me/erasures", {"current_password": PASSWORD}) == 202
    change = {"current_password": PASSWORD, "password": NEW_PASSWORD, "password_confirmation": NEW_PASSWORD}
    assert await ivan.status("PUT", "identity", "/v1/me/password", change) == 204
    assert await pyotr.status("DELETE", "identity", f"/v1/sessions/{elsewhere['session_id']}") == 204
    [nina] = await customers(kabinet, http, "nina")
    await emptied(kabinet, "identity", OWED)
    await all_sent(kabinet, *WITH_EVENTS)
    farewells, recoveries = await olga.letters("удал"), await ivan.letters("/r/")

    await kabinet.pause("identity")
    await put_back(kabinet, "identity", backup)
    told = await service(kabinet, "identity", "catch-up", "--since", since)
    await service(kabinet, "identity", "inbox", "rewind", "--since", since)
    await kabinet.resume("identity")
    await service(kabinet, "identity", "restate")

    for line in ("erased again: 1", f"  {olga.id}", "erased elsewhere: 1", f"  {nina.id}", f"  {ivan.id}"):
        assert line in told, told
    assert "sessions ended again: 1" in told
    await olga.sign_in(olga.login, PASSWORD, 401)
    await nina.sign_in(nina.login, PASSWORD, 401)
    await ivan.sign_in(ivan.login, PASSWORD, 401)
    await _new_password(ivan, after=recoveries)
    assert await pyotr.refresh() == 200
    assert await pyotr.refresh(elsewhere) == 401
    await emptied(kabinet, "identity", OWED)
    await _knows_nobody(kabinet, olga, nina)
    assert await olga.letters("удал") == farewells


async def _new_password(person: Customer, after: int) -> None:
    """By the letter that came because of the set-back."""
    letter = await person.message(person.email, "email", "/r/", after)
    body = {"token": token_in(letter, "r"), "password": NEW_PASSWORD, "password_confirmation": NEW_PASSWORD}
    await person.call("POST", "identity", "/v1/password-resets", 204, body)
    await person.sign_in(person.login, NEW_PASSWORD)


async def _knows_nobody(kabinet: EmbeddedSet, *people: Customer) -> None:
    ids = [person.id for person in people]
    for name, table in (("notifier", "contacts"), ("billing-link", "links"), ("identity", "users")):
        column = "id" if table == "users" else "user_id"
        ended = " AND ended_at IS NULL" if table == "links" else ""
        sql = f"SELECT 1 FROM {table} WHERE {column} = ANY(CAST($1 AS uuid[])){ended}"
        assert await rows(kabinet, name, sql, ids) == [], f"{name} knows an erased user"


async def readers_are_set_back(kabinet: EmbeddedSet, http: httpx2.AsyncClient, sample: Sample, folder: Path) -> None:
    """billing-link and notifier: a link given up, a link made, a letter gone out, somebody new, somebody erased."""
    anna, boris, vera = await customers(kabinet, http, "anna", "boris", "vera")
    seen, _ = await anna.link(sample.links)
    assert seen["status"] == "linked"
    await all_sent(kabinet, *WITH_EVENTS)
    await kabinet.pause("mailbox")
    await anna.call("POST", "identity", "/v1/password-recoveries", 202, {"login_or_email": anna.login})
    await eventually(partial(_waits, kabinet, anna))
    since = moment()
    backups = {name: await dumped(kabinet, name, folder / f"{name}.dump") for name in ("billing-link", "notifier")}
    await kabinet.resume("mailbox")

    await anna.message(anna.email, "email", "/r/")
    assert await anna.status("DELETE", "billing-link", f"/v1/accounts/{sample.links.account_number}") == 204
    seen, _ = await boris.link(sample.links_with_comma)
    assert seen["status"] == "linked"
    assert await vera.status("POST", "identity", "/v1/me/erasures", {"current_password": PASSWORD}) == 202
    [galya] = await customers(kabinet, http, "galya")
    await emptied(kabinet, "identity", OWED)
    await all_sent(kabinet, *WITH_EVENTS)

    await asyncio.gather(*(kabinet.pause(name) for name in backups))
    for name, backup in backups.items():
        await put_back(kabinet, name, backup)
    told = {name: await service(kabinet, name, "catch-up", "--since", since) for name in backups}
    await service(kabinet, "billing-link", "inbox", "rewind", "--since", since)
    await asyncio.gather(*(kabinet.resume(name) for name in backups))
    await service(kabinet, "identity", "erasures", "repeat", "--since", since)
    await service(kabinet, "identity", "restate")

    assert told["billing-link"].split() == "linked again: 1 ended again: 1".split()
    assert told["notifier"].split() == "codes and links given up: 1".split()
    assert await anna.numbers() == []
    assert await boris.numbers() == [sample.links_with_comma.account_number]
    await emptied(kabinet, "identity", OWED)
    await _knows_nobody(kabinet, vera)
    await eventually(partial(_reaches, kabinet, galya))
    assert await anna.letters("/r/") == 1
    for name in WITH_EVENTS:
        assert await rows(kabinet, name, "SELECT 1 FROM dead_letters WHERE resolved_at IS NULL") == []


async def _waits(kabinet: EmbeddedSet, person: Customer) -> bool:
    """Whether the person's letter waits for the mail server."""
    sql = "SELECT 1 FROM notifications WHERE user_id = CAST($1 AS uuid) AND kind = 'password_recovery' AND tries > 0"
    return bool(await rows(kabinet, "notifier", f"{sql} AND status = 'queued'", person.id))


async def _reaches(kabinet: EmbeddedSet, person: Customer) -> bool:
    sql = "SELECT 1 FROM contacts WHERE user_id = CAST($1 AS uuid) AND email IS NOT NULL"
    return bool(await rows(kabinet, "notifier", sql, person.id))


async def all_are_set_back(kabinet: EmbeddedSet, http: httpx2.AsyncClient, sample: Sample, folder: Path) -> None:
    """One server held all four: only the topics know that somebody was erased since, and that somebody came."""
    [oleg] = await customers(kabinet, http, "oleg")
    await all_sent(kabinet, *WITH_EVENTS)
    services = (*WITH_EVENTS, "verification")
    since = moment()
    backups = {name: await dumped(kabinet, name, folder / f"all-{name}.dump") for name in services}

    assert await oleg.status("POST", "identity", "/v1/me/erasures", {"current_password": PASSWORD}) == 202
    [rita] = await customers(kabinet, http, "rita")
    seen, _ = await rita.link(sample.links)
    assert seen["status"] == "linked"
    lost_id = rita.id
    await emptied(kabinet, "identity", OWED)
    await all_sent(kabinet, *services)
    links = [await one.letters("/c/") for one in (oleg, rita)]

    await asyncio.gather(*(kabinet.pause(name) for name in services))
    for name, backup in backups.items():
        await put_back(kabinet, name, backup)
    for name in WITH_EVENTS:
        await service(kabinet, name, "catch-up", "--since", since)
    await service(kabinet, "verification", "outbox", "reconcile", "--since", since)
    for name in ("identity", "billing-link"):
        await service(kabinet, name, "inbox", "rewind", "--since", since)
    await asyncio.gather(*(kabinet.resume(name) for name in services))
    await service(kabinet, "identity", "erasures", "repeat", "--since", since)
    await service(kabinet, "identity", "restate")

    await oleg.sign_in(oleg.login, PASSWORD, 401)
    await rita.sign_in(rita.login, PASSWORD, 401)
    await emptied(kabinet, "identity", OWED)
    await _knows_nobody(kabinet, oleg, rita)
    assert [await one.letters("/c/") for one in (oleg, rita)] == links
    await rita.register(after=1)
    assert rita.id != lost_id
    seen, _ = await rita.link(sample.links)
    assert seen["status"] == "linked"
