"""Steps that several tests of the settings share."""

import hashlib
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from tests.identity.conftest import bearer
from tests.portal.browsing import Browser
from tests.portal.conftest import Cabinet, sign_in

OLD_NUMBER, OLD_PASSWORD = "67123456", "qwerty77"


async def import_old(cabinet: Cabinet, folder: Path) -> None:
    """An old login that has not moved yet; the old portal knew no address for it."""
    hashed = hashlib.md5(OLD_PASSWORD.encode()).hexdigest()
    await cabinet.identity.import_old(folder, (OLD_NUMBER, hashed, "", ""))


async def migrated(cabinet: Cabinet, folder: Path, email: str = "ivanov@mail.ru") -> Browser:
    """The browser of somebody who came over from the old portal, and whose address is not confirmed yet."""
    await import_old(cabinet, folder)
    browser = await cabinet.browser()
    page = await sign_in(browser, OLD_NUMBER, OLD_PASSWORD)
    page = await browser.press(page, "Сохранить и войти", email=email)
    assert page.path in ("/accounts", "/login/password"), page.text
    return browser


async def end_sessions(cabinet: Cabinet) -> None:
    """The same person ends all other sessions, elsewhere."""
    elsewhere = (await cabinet.identity.sign_in()).json()
    answer = await cabinet.identity.client.delete("/v1/sessions", headers=bearer(elsewhere))
    assert answer.status_code == 204


async def sent(cabinet: Cabinet, *rows: tuple[str, str, str, str | None]) -> None:
    """To petrova: kind, channel, status and masked address, as the notifier keeps them; the last is the newest."""
    [(user_id,)] = await cabinet.identity.running.rows("SELECT id FROM users WHERE login = 'petrova'")
    insert = text(
        "INSERT INTO notifications (id, event_id, user_id, kind, channel, rank, status, masked_address, details,"
        " created_at, expires_at, ended_at, tries, handings) VALUES (:id, :id, :user_id, :kind, :channel, 0, :status,"
        " :address, '{}', now(), now() + interval '1 day', CASE WHEN :passing THEN NULL ELSE now() END, 1, 1)"
    )
    values = [
        {
            "id": UUID(f"0199f3c0-0000-7000-8000-{number:012d}"),
            "user_id": user_id,
            "kind": kind,
            "channel": channel,
            "status": status,
            "address": address,
            "passing": status in ("queued", "waiting"),
        }
        for number, (kind, channel, status, address) in enumerate(rows)
    ]
    async with cabinet.notifier.kernel.database.transaction() as session:
        await session.execute(insert, values)
