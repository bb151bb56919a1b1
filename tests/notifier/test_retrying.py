"""Support lists what was sent and sends again what may be sent again, with a reason that is kept."""

import asyncio
import os
import sys
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from notifier.retrying import NotRetried, Wanted, look, retry
from shared.mandate import Mandate
from tests.kit import Running
from tests.notifier import facts
from tests.notifier.outside import MailHost
from tests.notifier.programs import ROOT, environment
from tests.notifier.test_delivering import died_while_handing_over, run_until_ended

WHY = Mandate("ivanova", "she asked")
BY = ("--by", "ivanova", "--reason", "she asked")


async def again(running: Running, notification_id: UUID) -> UUID:
    async with running.kernel.database.transaction() as session:
        return await retry(session, notification_id, WHY, running.wired.bells)


async def of(running: Running, **wanted: Any) -> list[Any]:
    async with running.kernel.database.transaction() as session:
        return await look(session, Wanted(**wanted), 10, WHY)


async def failed_notice(running: Running, mail: MailHost) -> Any:
    user = uuid7()
    mail.data = "554 5.6.0 no"
    await running.hears(facts.registered(user), facts.linked(user))
    (row,) = await run_until_ended(running)
    mail.data = "250 OK"
    return row


async def test_notice_that_failed_is_told_again_as_a_new_one_with_the_act_on_record(
    notifier: Running, mail: MailHost
) -> None:
    failed = await failed_notice(notifier, mail)

    told_as = await again(notifier, failed.id)
    rows = await run_until_ended(notifier, 2)

    assert [(row.id, row.status) for row in rows] == [(failed.id, "failed"), (told_as, "sent")]
    assert "3456" in str(mail.taken[0].get_body(("plain",)).get_content())  # type: ignore[union-attr]
    (act,) = await notifier.rows("SELECT * FROM notification_acts")
    assert (act.notification_id, act.told_as, act.by, act.reason) == (failed.id, told_as, "ivanova", "she asked")


async def test_failed_notice_is_told_again_once(notifier: Running, mail: MailHost) -> None:
    failed = await failed_notice(notifier, mail)
    await again(notifier, failed.id)

    with pytest.raises(NotRetried, match="told again already"):
        await again(notifier, failed.id)

    assert len(await facts.notifications(notifier)) == 2


async def test_link_is_never_sent_again(notifier: Running, mail: MailHost) -> None:
    mail.rcpt = "550 5.1.1 no such user"
    await notifier.hears(facts.recovery(uuid7()))
    (row,) = await run_until_ended(notifier)

    with pytest.raises(NotRetried, match="asks for a new one"):
        await again(notifier, row.id)

    assert await notifier.rows("SELECT 1 FROM notification_acts") == []


async def test_what_waits_for_its_next_try_goes_now(notifier: Running) -> None:
    await notifier.hears(facts.recovery(uuid7()))
    await notifier.rows("UPDATE notifications SET due_at = now() + interval '1 hour' RETURNING 1")
    (row,) = await facts.notifications(notifier)

    assert await again(notifier, row.id) == row.id

    (sent,) = await run_until_ended(notifier)
    assert sent.status == "sent"


async def test_notice_of_an_erased_reader_is_told_to_nobody(notifier: Running, mail: MailHost) -> None:
    failed = await failed_notice(notifier, mail)
    await notifier.hears(facts.erased(failed.user_id, email=None))

    with pytest.raises(NotRetried, match="There is no notification"):
        await again(notifier, failed.id)


async def test_list_names_what_is_with_the_server_and_what_came_of_the_rest(notifier: Running) -> None:
    user = uuid7()
    await notifier.hears(facts.registered(user), facts.linked(user), facts.code())
    await died_while_handing_over(notifier, "sms")

    rows = await of(notifier)

    assert [(row["kind"], row["status"]) for row in rows] == [
        ("registration_code", "attempting"),
        ("account_linked", "queued"),
    ]
    assert [row["kind"] for row in await of(notifier, user_id=user)] == ["account_linked"]
    assert await of(notifier, status="failed") == []


async def run(running: Running, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "notifier", "notifications", *arguments),
        cwd=ROOT,
        env=os.environ | environment(running) | {"COLUMNS": "250"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def test_program_lists_masked_addresses_and_retries_with_a_reason(notifier: Running, mail: MailHost) -> None:
    failed = await failed_notice(notifier, mail)

    listed_code, table = await run(notifier, "list", "--status", "failed", "--user", str(failed.user_id), *BY)
    retried_code, told = await run(notifier, "retry", str(failed.id), *BY)
    missing_code, complaint = await run(notifier, "retry", str(uuid7()), *BY)

    assert (listed_code, retried_code, missing_code) == (0, 0, 2)
    assert "pe•••@mail.ru" in table
    assert "554 5.6.0" in table
    assert "petrova@" not in table
    assert told.startswith("goes as ")
    assert complaint.startswith("There is no notification")
    kept = await notifier.rows("SELECT act, notification_id, user_id, by, reason FROM notification_acts ORDER BY id")
    assert [tuple(one) for one in kept] == [
        ("list", None, failed.user_id, "ivanova", "she asked"),
        ("retry", failed.id, failed.user_id, "ivanova", "she asked"),
    ]


async def test_look_and_retry_without_who_and_why_are_refused_and_do_nothing(notifier: Running, mail: MailHost) -> None:
    failed = await failed_notice(notifier, mail)

    unnamed = await run(notifier, "list", "--by", " ", "--reason", "she asked")
    unexplained = await run(notifier, "retry", str(failed.id), "--by", "ivanova", "--reason", "")

    assert unnamed == unexplained == (2, "Say who does it (--by) and why (--reason); both are kept.\n")
    assert len(await facts.notifications(notifier)) == 1
    assert await notifier.rows("SELECT 1 FROM notification_acts") == []


async def test_why_support_looked_is_forgotten_with_the_user_and_that_it_did_is_not(
    notifier: Running, mail: MailHost
) -> None:
    failed = await failed_notice(notifier, mail)
    await of(notifier, user_id=failed.user_id)
    await again(notifier, failed.id)

    await notifier.hears(facts.erased(failed.user_id, email=None))

    kept = await notifier.rows("SELECT act, by, reason FROM notification_acts ORDER BY id")
    assert [tuple(one) for one in kept] == [("list", "ivanova", ""), ("retry", "ivanova", "")]
