"""The list of what a user was sent: one's own, newest first, never what a message said."""

from uuid_utils.compat import uuid7

from tests.kit import Running, problem
from tests.notifier import facts


async def test_list_is_the_callers_own_and_holds_no_contents(delivering: Running) -> None:
    user, other = uuid7(), uuid7()
    await delivering.hears(facts.registered(user), facts.confirmation(user), facts.linked(user), facts.linked(other))
    await facts.ended(delivering, 2)

    answer = await delivering.client.get("/v1/notifications", headers=delivering.bearer(user))

    assert answer.status_code == 200
    body = answer.json()
    assert body["next_cursor"] is None
    assert [(item["kind"], item["channel"], item["address"], item["status"]) for item in body["items"]] == [
        ("account_linked", "email", "pe•••@mail.ru", "sent"),
        ("email_confirmation", "email", "pe•••@mail.ru", "sent"),
    ]
    assert set(body["items"][0]) == {
        "id", "kind", "channel", "address", "status", "created_at", "expires_at", "ended_at",
    }  # fmt: skip
    assert facts.TOKEN not in answer.text
    assert "3456" not in answer.text


async def test_waiting_notification_is_listed_without_an_address(notifier: Running) -> None:
    user = uuid7()
    await notifier.hears(facts.linked(user))

    answer = await notifier.client.get("/v1/notifications", headers=notifier.bearer(user))

    assert [(item["status"], item["address"], item["ended_at"]) for item in answer.json()["items"]] == [
        ("waiting", None, None)
    ]


async def test_pages_hold_every_notification_once_while_new_ones_come(notifier: Running) -> None:
    user = uuid7()
    await notifier.hears(facts.registered(user), *(facts.linked(user) for _ in range(5)))
    seen: list[str] = []
    cursor: str | None = None

    for _ in range(3):
        place = f"&cursor={cursor}" if cursor else ""
        answer = await notifier.client.get(f"/v1/notifications?limit=2{place}", headers=notifier.bearer(user))
        seen += [item["id"] for item in answer.json()["items"]]
        cursor = answer.json()["next_cursor"]
        await notifier.hears(facts.linked(user))

    assert cursor is None
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)


async def test_list_needs_a_session_that_has_not_ended(notifier: Running) -> None:
    from shared.contracts.identity import SessionsEnded

    user, session = uuid7(), uuid7()
    await notifier.hears(SessionsEnded(user_id=user, session_ids=[session], reason="signed-out"))

    anonymous = await notifier.client.get("/v1/notifications")
    ended = await notifier.client.get("/v1/notifications", headers=notifier.bearer(user, session))

    assert {problem(answer)["code"] for answer in (anonymous, ended)} == {"not-authenticated"}


async def test_strange_cursor_and_limit_are_refused(notifier: Running) -> None:
    headers = notifier.bearer(uuid7())

    for query in ("cursor=!!!", "cursor=AAAA", "limit=0", "limit=101", "limit=x", "cursor=%F0%9F%98%80"):
        answer = await notifier.client.get(f"/v1/notifications?{query}", headers=headers)
        assert answer.status_code == 422, query
        assert problem(answer)["code"] == "invalid-fields"
