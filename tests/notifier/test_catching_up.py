"""A database set back to before: codes and links on their way then may have gone out since, and go out no more."""

import pytest
from uuid_utils.compat import uuid7

from notifier import catching_up
from notifier.catching_up import give_up_secrets
from shared.contracts.notifier import NotificationFailed
from tests.kit import Running
from tests.notifier import facts
from tests.notifier.outside import Gateway, MailHost
from tests.notifier.test_delivering import run_until_ended


async def test_codes_and_links_end_as_unknown_and_only_notices_still_go(
    notifier: Running, mail: MailHost, operator: Gateway
) -> None:
    user = uuid7()
    await notifier.hears(facts.registered(user))
    await notifier.hears(facts.code(), facts.confirmation(user), facts.recovery(user), facts.linked(user))

    count = await give_up_secrets(notifier.kernel.database)

    rows = await run_until_ended(notifier, 4)
    assert count == 3
    assert {row.kind: row.status for row in rows} == {
        "registration_code": "unknown",
        "email_confirmation": "unknown",
        "password_recovery": "unknown",
        "account_linked": "sent",
    }
    assert (len(mail.taken), operator.requests) == (1, [])
    assert {(row.address, row.sealed) for row in rows} == {(None, None)}
    assert {one.reason for one in await notifier.said(NotificationFailed)} == {"unknown"}


async def test_a_great_many_are_given_up_in_batches(notifier: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching_up, "BATCH_ROWS", 2)
    await notifier.hears(*(facts.code(phone=f"+791234567{n:02d}") for n in range(5)))

    count = await give_up_secrets(notifier.kernel.database)

    assert count == 5
    assert await give_up_secrets(notifier.kernel.database) == 0
