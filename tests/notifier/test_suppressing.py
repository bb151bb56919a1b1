"""Addresses that bounce hard get no notices, and get them again once a letter to them was accepted."""

import pytest
from uuid_utils.compat import uuid7

from notifier import rules
from shared.contracts.notifier import NotificationFailed
from tests.kit import Running
from tests.notifier import facts
from tests.notifier.outside import MailHost


async def refused(delivering: Running, mail: MailHost, reply: str) -> None:
    mail.rcpt = reply
    await delivering.hears(facts.confirmation(uuid7()))
    await facts.ended(delivering)
    mail.rcpt = "250 OK"


async def test_notice_to_an_address_that_is_none_is_not_tried_and_identity_is_told(
    delivering: Running, mail: MailHost
) -> None:
    await refused(delivering, mail, "550 5.1.1 no such user")
    user = uuid7()
    asked = mail.asked

    await delivering.hears(facts.registered(user, "Petrova@mail.ru"), facts.linked(user))
    rows = await facts.ended(delivering, 2)

    assert [row.status for row in rows] == ["failed", "failed"]
    assert mail.asked == asked, "the server is not asked again"
    assert (await delivering.said(NotificationFailed))[-1].user_id == user


async def test_link_that_somebody_asks_for_is_tried_and_its_acceptance_lifts_the_suppression(
    delivering: Running, mail: MailHost
) -> None:
    await refused(delivering, mail, "550 5.1.1 no such user")
    user = uuid7()

    await delivering.hears(facts.recovery(user))
    await facts.ended(delivering, 2)
    await delivering.hears(facts.registered(user), facts.linked(user))
    rows = await facts.ended(delivering, 3)

    assert [row.status for row in rows] == ["failed", "sent", "sent"]
    assert await delivering.rows("SELECT 1 FROM suppressed_addresses") == []


@pytest.mark.parametrize("reply", ["552 5.2.2 mailbox full", "554 5.6.0 bad content"])
async def test_refusal_for_another_cause_suppresses_nothing(delivering: Running, mail: MailHost, reply: str) -> None:
    await refused(delivering, mail, reply)

    assert await delivering.rows("SELECT 1 FROM suppressed_addresses") == []


async def test_address_is_kept_as_an_hmac(delivering: Running, mail: MailHost) -> None:
    await refused(delivering, mail, "550 5.1.1 no such user")

    (row,) = await delivering.rows("SELECT * FROM suppressed_addresses")
    assert "petrova" not in str(tuple(row))
    assert row.code == "550 5.1.1"


@pytest.mark.parametrize(
    ("code", "hard"),
    [
        ("550 5.1.1", True),
        ("550 5.1.10", True),
        ("553", True),
        ("551", True),
        ("550", True),
        ("552 5.2.2", False),
        ("550 5.7.1", False),
        ("553 5.1.8", False),
        ("554", False),
        ("address", False),
        ("suppressed", False),
    ],
)
def test_hard_bounce_is_a_refusal_of_the_address_itself(code: str, hard: bool) -> None:
    assert rules.hard_bounce(code) is hard
