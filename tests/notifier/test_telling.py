"""What each event leads to: contacts kept, notifications made once, waiting ones released, erased people left alone."""

import asyncio
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from notifier.rules import Kind
from shared.contracts.notifier import UserDataErased
from shared.events import Event, Malformed
from tests.kit import Running, eventually
from tests.notifier import facts
from tests.notifier.outside import MailHost
from tests.notifier.test_delivering import working


def kinds(rows: list[object]) -> list[tuple[str, str, str]]:
    return sorted((row.kind, row.channel, row.status) for row in rows)  # type: ignore[attr-defined]


async def test_repeated_event_makes_one_notification(notifier: Running) -> None:
    code = facts.code()

    await notifier.hears(code, code)
    await notifier.hears(code)

    assert kinds(await facts.notifications(notifier)) == [("registration_code", "sms", "queued")]


async def test_repeat_that_outlived_the_inbox_makes_no_second_notification(notifier: Running) -> None:
    user, event = uuid7(), None
    event = facts.linked(user)
    await notifier.hears(event)
    await notifier.rows("DELETE FROM inbox RETURNING 1")

    await notifier.hears(event)

    assert len(await facts.notifications(notifier)) == 1


async def test_secrets_and_addresses_rest_sealed(notifier: Running) -> None:
    await notifier.hears(facts.code(), facts.confirmation(uuid7()))

    rest = str([tuple(row) for row in await facts.notifications(notifier)])
    for secret in ("12345,", "+79123456789", "petrova", facts.TOKEN):
        assert secret not in rest.replace("pe•••@mail.ru", "")


async def test_letter_waits_for_contacts_and_leaves_when_they_come(notifier: Running) -> None:
    user = uuid7()
    await notifier.hears(facts.linked(user))
    assert kinds(await facts.notifications(notifier)) == [("account_linked", "email", "waiting")]

    await notifier.hears(facts.registered(user, locale="en"))

    row = (await facts.notifications(notifier))[0]
    assert (row.status, row.address, row.masked_address, row.locale) == (
        "queued",
        "petrova@mail.ru",
        "pe•••@mail.ru",
        "en",
    )


async def test_letter_of_a_user_without_an_address_waits_until_one_is_confirmed(notifier: Running) -> None:
    user = uuid7()
    await notifier.hears(facts.registered(user, email=None), facts.linked(user))
    assert kinds(await facts.notifications(notifier)) == [("account_linked", "email", "waiting")]

    await notifier.hears(facts.email_changed(user, "petrova@mail.ru", None))

    assert kinds(await facts.notifications(notifier)) == [("account_linked", "email", "queued")]


async def test_stated_user_releases_what_waits_and_is_told_nothing(notifier: Running) -> None:
    user = uuid7()
    await notifier.hears(facts.stated(user, "petrova@mail.ru"))
    assert await facts.notifications(notifier) == []

    await notifier.hears(facts.password_changed(user))

    assert kinds(await facts.notifications(notifier)) == [("password_changed", "email", "queued")]


async def test_contacts_and_news_at_the_same_time_leave_nothing_waiting(notifier: Running) -> None:
    users = [uuid7() for _ in range(20)]

    await asyncio.gather(
        *(notifier.hears(facts.linked(user)) for user in users),
        *(notifier.hears(facts.registered(user)) for user in users),
    )

    assert {row.status for row in await facts.notifications(notifier)} == {"queued"}


async def test_late_repeat_never_takes_a_newer_address_back(notifier: Running) -> None:
    user = uuid7()
    registered, changed = facts.registered(user), facts.email_changed(user, "new@mail.ru", "petrova@mail.ru")
    await notifier.hears(registered, changed)

    await notifier.hears(registered)

    contacts = await notifier.rows("SELECT email, phone FROM contacts")
    assert [tuple(row) for row in contacts] == [("new@mail.ru", "+79123456789")]


async def test_change_of_address_is_told_to_the_old_one(notifier: Running) -> None:
    user = uuid7()
    await notifier.hears(facts.registered(user), facts.email_changed(user, "new@mail.ru", "petrova@mail.ru"))

    rows = await facts.notifications(notifier)

    assert kinds(rows) == [("email_changed", "email", "queued")]
    assert rows[0].masked_address == "pe•••@mail.ru"


async def test_first_confirmed_address_is_told_to_nobody(notifier: Running) -> None:
    user = uuid7()

    await notifier.hears(facts.registered(user, email=None), facts.email_changed(user, "petrova@mail.ru", None))

    assert await facts.notifications(notifier) == []


async def test_change_of_phone_is_told_by_letter_and_to_the_old_phone(notifier: Running) -> None:
    user = uuid7()
    await notifier.hears(facts.registered(user), facts.phone_changed(user, "+79990001122", "+79123456789"))

    rows = await facts.notifications(notifier)

    assert kinds(rows) == [("phone_changed", "email", "queued"), ("phone_changed", "sms", "queued")]
    assert {row.masked_address for row in rows} == {"pe•••@mail.ru", "+7 912 •••-••-89"}


async def test_change_of_language_keeps_the_contacts(notifier: Running) -> None:
    user = uuid7()

    await notifier.hears(facts.registered(user), facts.locale_changed(user, "en"))

    contacts = await notifier.rows("SELECT email, phone, locale FROM contacts")
    assert [tuple(row) for row in contacts] == [("petrova@mail.ru", "+79123456789", "en")]


@pytest.mark.parametrize(("known_device", "count"), [(True, 0), (False, 1)])
async def test_sign_in_is_told_where_the_device_is_new(notifier: Running, known_device: bool, count: int) -> None:
    user = uuid7()

    await notifier.hears(facts.registered(user), facts.signed_in(user, known_device))

    assert len(await facts.notifications(notifier)) == count


async def test_every_other_holder_is_told_once(notifier: Running) -> None:
    user, other, third = uuid7(), uuid7(), uuid7()

    await notifier.hears(facts.linked(user, [other, third, other, user]))

    rows = await facts.notifications(notifier)
    assert {(row.user_id, row.kind) for row in rows} == {
        (user, Kind.ACCOUNT_LINKED),
        (other, Kind.ACCOUNT_LINKED_BY_ANOTHER),
        (third, Kind.ACCOUNT_LINKED_BY_ANOTHER),
    }
    assert len(rows) == 3


@pytest.mark.parametrize(("minutes", "count"), [(4, 0), (6, 1)])
async def test_refusal_is_told_only_where_it_took_long(notifier: Running, minutes: int, count: int) -> None:
    await notifier.hears(facts.refused(uuid7(), minutes))

    assert len(await facts.notifications(notifier)) == count


@pytest.mark.parametrize(
    ("reason", "count"), [("user", 1), ("objection", 1), ("new-contract", 1), ("support", 1), ("erased", 0)]
)
async def test_end_of_a_link_is_told_but_for_an_erasure(notifier: Running, reason: str, count: int) -> None:
    await notifier.hears(facts.unlinked(uuid7(), reason))

    assert len(await facts.notifications(notifier)) == count


async def test_erased_user_leaves_no_trace_but_a_farewell(notifier: Running) -> None:
    user = uuid7()
    await notifier.hears(facts.registered(user), facts.linked(user), facts.signed_in(user))

    await notifier.hears(facts.erased(user))

    rows = await facts.notifications(notifier)
    assert [(row.kind, row.user_id) for row in rows] == [(Kind.USER_ERASED, None)]
    assert await notifier.rows("SELECT 1 FROM contacts") == []
    assert [event.user_id for event in await notifier.said(UserDataErased)] == [user]


async def test_database_holds_no_contact_name_or_secret_of_an_erased_user(notifier: Running, mail: MailHost) -> None:
    """Their address bounced, and they wrote to support: an HMAC and masks are all that was kept of it."""
    user, email = uuid7(), "kanareyka@mail.ru"
    mail.rcpt = "550 5.1.1 no such user"
    await notifier.hears(facts.registered(user, email=email, phone="+79120000077"))
    await notifier.hears(facts.confirmation(user, email), facts.linked(user), facts.signed_in(user))
    await notifier.hears(
        facts.code(phone="+79120000077", digits="7777777777"), facts.phone_changed(user, "+79120000078", "+79120000077")
    )
    form = {"name": "Kanareyka", "reply_to": email, "topic": "other", "message": "kanareyka sings"}
    await notifier.client.post("/v1/feedback", json=form)
    async with working(notifier, notifier.service.loops):
        await facts.ended(notifier, 7)
        mail.rcpt = "250 OK"

        await notifier.hears(facts.erased(user, email=email))

        await eventually(lambda: notifier.rows(FAREWELL_ENDED))

    assert await notifier.rows("SELECT 1 FROM suppressed_addresses")
    kept = await everything(notifier)
    for canary in ("kanareyka", "9120000077", "9120000078", "7777777777", "petrova", facts.TOKEN, "chrome"):
        assert canary.lower() not in kept.lower(), canary


FAREWELL_ENDED = "SELECT 1 FROM notifications WHERE kind = 'user_erased' AND ended_at IS NOT NULL"


async def everything(running: Running) -> str:
    """Each row of each table, as text."""
    tables = await running.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert len(tables) > 10
    return "\n".join([str(await running.rows(f"SELECT row_to_json(t)::text FROM {table} AS t")) for (table,) in tables])


async def test_events_that_follow_an_erasure_change_nothing(notifier: Running) -> None:
    user, other = uuid7(), uuid7()
    await notifier.hears(facts.erased(user, email=None))

    await notifier.hears(facts.registered(user), facts.confirmation(user), facts.linked(other, [user]))
    await notifier.hears(facts.stated(user, "petrova@mail.ru"), facts.password_changed(user))

    assert [row.user_id for row in await facts.notifications(notifier)] == [other]
    assert await notifier.rows("SELECT 1 FROM contacts") == []


async def test_news_and_erasure_at_the_same_time_leave_nothing_of_the_user(notifier: Running) -> None:
    users = [uuid7() for _ in range(20)]

    await asyncio.gather(
        *(notifier.hears(facts.linked(user)) for user in users),
        *(notifier.hears(facts.erased(user, email=None)) for user in users),
    )

    assert await notifier.rows("SELECT 1 FROM notifications WHERE user_id IS NOT NULL") == []
    assert len(await notifier.said(UserDataErased)) == 20


def cut_from_another(user: UUID) -> tuple[Event, object]:
    event, secrets = facts.recovery(user)
    return event, secrets.model_copy(update={"token": "not/a/token?"})


async def test_token_that_identity_never_makes_is_poison(notifier: Running) -> None:
    with pytest.raises(Malformed):
        await notifier.hears(cut_from_another(uuid7()))


async def test_event_without_its_sealed_part_is_poison(notifier: Running) -> None:
    event, _secrets = facts.code()

    with pytest.raises(Malformed):
        await notifier.hears(event)
