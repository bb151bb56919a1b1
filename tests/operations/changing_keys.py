"""Keys changed while the services run: the steps of docs/runbooks/keys-changed.md."""

import base64
import json
from functools import partial
from pathlib import Path

import httpx2

from deploy.embedded.launcher import EmbeddedSet
from deploy.embedded.sample import Sample
from tests.kit import eventually
from tests.operations.people import Customer, customers
from tests.operations.programs import module, rows, service


async def added(folder: Path, name: str, purpose: str) -> tuple[str, str]:
    """The current key's name and that of the new one."""
    [current, *_] = [
        kid
        for _, kid in (line.split("\t") for line in (await module("deploy.rotating", "list", folder)).splitlines())
        if kid.startswith(f"{name}-{purpose}-")
    ]
    return current, (await module("deploy.rotating", "add", folder, name, purpose)).strip()


async def restarted(kabinet: EmbeddedSet, *names: str) -> None:
    for name in names:
        await kabinet.pause(name)
        await kabinet.resume(name)


def signed_by(token: str) -> str:
    header = token.partition(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(header + "=="))["kid"])


async def signing_key_is_changed(kabinet: EmbeddedSet, http: httpx2.AsyncClient) -> None:
    """Tokens of the old key are good until it is removed; the session goes on all the while."""
    folder = kabinet.folder / "keys"
    [olga] = await customers(kabinet, http, "olga")
    before = dict(olga.tokens)

    old, new = await added(folder, "identity", "sign")
    await module("deploy.rotating", "use", folder, new)
    await restarted(kabinet, "identity")

    assert await olga.status("GET", "billing-link", "/v1/accounts") == 200
    assert await olga.refresh() == 200
    assert (signed_by(before["access_token"]), signed_by(olga.tokens["access_token"])) == (old, new)
    assert await olga.status("GET", "billing-link", "/v1/accounts") == 200

    await module("deploy.rotating", "remove", folder, old)

    late = Customer(kabinet=kabinet, http=http, tokens=before)
    await eventually(partial(_refused, late), 10)
    assert await olga.status("GET", "billing-link", "/v1/accounts") == 200
    await customers(kabinet, http, "ivan")  # a phone proof, a registration, a sign-in


async def _refused(person: Customer) -> bool:
    asked = [await person.status("GET", name, path) for name, path in READS]
    return asked == [401] * len(READS)


READS = (("identity", "/v1/me"), ("billing-link", "/v1/accounts"), ("notifier", "/v1/notifications"))


async def seal_is_changed(kabinet: EmbeddedSet, http: httpx2.AsyncClient) -> None:
    """A letter that was sealed for the old key and waits goes out, and one that is sealed for the new one."""
    folder = kabinet.folder / "keys"
    [anna] = await customers(kabinet, http, "anna")
    await kabinet.pause("notifier")
    await anna.call("POST", "identity", "/v1/password-recoveries", 202, {"login_or_email": anna.login})
    await eventually(partial(_said, kabinet, anna), 20)

    _old, new = await added(folder, "notifier", "seal")
    await kabinet.resume("notifier")
    await module("deploy.rotating", "use", folder, new)

    await anna.message(anna.email, "email", "/r/")
    await anna.call("POST", "identity", "/v1/password-recoveries", 202, {"login_or_email": anna.login})
    await anna.message(anna.email, "email", "/r/", after=1)
    sealed = "SELECT convert_from(value, 'UTF8')::json ->> 'sealed' AS jwe FROM outbox ORDER BY id DESC LIMIT 1"
    assert signed_by((await rows(kabinet, "identity", sealed))[0]["jwe"]) == new


async def _said(kabinet: EmbeddedSet, person: Customer) -> bool:
    sql = (
        "SELECT 1 FROM outbox WHERE key = $1 AND headers ->> 'ce_type' = 'identity.password_recovery_requested.v1'"
        " AND sent_at IS NOT NULL"
    )
    return bool(await rows(kabinet, "identity", sql, person.id))


async def seal_is_lost(kabinet: EmbeddedSet, http: httpx2.AsyncClient) -> None:
    """What was sealed for it becomes a letter that is dropped; with a new key all goes on, contacts as well."""
    folder = kabinet.folder / "keys"
    [boris] = await customers(kabinet, http, "boris")
    await kabinet.pause("notifier")
    await boris.call("POST", "identity", "/v1/password-recoveries", 202, {"login_or_email": boris.login})
    await eventually(partial(_said, kabinet, boris), 20)
    old, new = await added(folder, "notifier", "seal")
    await module("deploy.rotating", "use", folder, new)
    await module("deploy.rotating", "remove", folder, old)
    await kabinet.resume("notifier")
    await eventually(partial(_parked, kabinet, boris), 30)

    assert "the sealed part cannot be opened" in await service(kabinet, "notifier", "dead-letters", "list")
    why = ("--by", "ivanova", "--reason", "sealed for a lost key")
    await service(kabinet, "notifier", "dead-letters", "drop", "--key", boris.id, *why)
    await service(kabinet, "identity", "restate")

    await boris.call("POST", "identity", "/v1/password-recoveries", 202, {"login_or_email": boris.login})
    await boris.message(boris.email, "email", "/r/")
    assert not await _parked(kabinet, boris)


async def _parked(kabinet: EmbeddedSet, person: Customer) -> bool:
    sql = "SELECT 1 FROM dead_letters WHERE key = $1 AND resolved_at IS NULL"
    return bool(await rows(kabinet, "notifier", sql, person.id))


async def legacy_key_is_changed(kabinet: EmbeddedSet, http: httpx2.AsyncClient, sample: Sample) -> None:
    """Old passwords open their door under the old key, while it is changed, and when it is gone."""
    folder = kabinet.folder / "keys"
    someone = Customer(kabinet=kabinet, http=http)
    first, second, third = [one for one in sample.old_logins if one.email][:3]
    await someone.sign_in(first.login, first.password)

    old, new = await added(folder, "identity", "legacy")
    await module("deploy.rotating", "use", folder, new)
    await restarted(kabinet, "identity")
    await someone.sign_in(second.login, second.password)
    told = await service(kabinet, "identity", "reencrypt-legacy")
    await module("deploy.rotating", "remove", folder, old)
    await restarted(kabinet, "identity")

    assert not told.startswith("0 ")
    await someone.sign_in(third.login, third.password)


async def code_lives_through_a_change_of_its_key(kabinet: EmbeddedSet, http: httpx2.AsyncClient) -> None:
    folder = kabinet.folder / "keys"
    someone = Customer(kabinet=kabinet, http=http, phone="+79161234567")
    code_id = await someone.ask_code(someone.phone)
    code = await someone.code_from_sms(someone.phone)

    _old, new = await added(folder, "verification", "hmac")
    await module("deploy.rotating", "use", folder, new)
    await restarted(kabinet, "verification")

    await someone.call("POST", "verification", f"/v1/codes/{code_id}/check", 200, {"code": code})


async def people_sign_in_after_identitys_hmac_was_changed(kabinet: EmbeddedSet, http: httpx2.AsyncClient) -> None:
    """And the letter under way, whose subject was encrypted by the old key, is still decided."""
    folder = kabinet.folder / "keys"
    [vera] = await customers(kabinet, http, "vera")

    _old, new = await added(folder, "identity", "hmac")
    await module("deploy.rotating", "use", folder, new)
    await restarted(kabinet, "identity")

    await vera.sign_in(vera.login, vera.password)
    await vera.call("POST", "identity", "/v1/password-recoveries", 202, {"login_or_email": vera.login})
    await vera.message(vera.email, "email", "/r/")
