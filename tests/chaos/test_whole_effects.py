"""The judgement over the whole set finds what is planted: an effect that is missing, twice, wrong, or nobody's."""

from collections import defaultdict
from itertools import count
from typing import Any, cast

import pytest

from tests.chaos.history import History, Outcome, Verdict, judge
from tests.chaos.people import People
from tests.chaos.whole_effects import Mailbox, from_mailbox, from_topics, led_back
from tests.chaos.whole_state import Said, differences

NUMBERS = count(1)


@pytest.fixture
def people() -> People:
    return People(cast(Any, None), cast(Any, None), History(), iter(()))


def did(people: People, act: str, subject: str, outcome: Outcome = Outcome.OK) -> None:
    people.history.invoke(act, act)
    people.history.end(act, outcome)
    people.expect(subject, act)


def event(kind: str, key: str, at: float = 1.0) -> Said:
    return Said(f"event-{next(NUMBERS)}", kind, key, kind.partition(".")[0], at, {}, 0)


def sms(to: str) -> dict[str, Any]:
    number = f"message-{next(NUMBERS)}"
    received = "2026-01-01T00:00:00.000Z"
    return {"id": number, "channel": "sms", "to": to, "text": "", "headers": {}, "received_at": received}


def verdict(people: People, *events: Said, messages: tuple[dict[str, Any], ...] = ()) -> Verdict:
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    from_topics(people, events, found)
    from_mailbox(Mailbox("", cast(Any, None), seen={one["id"]: one for one in messages}), found)
    return judge(people.history, led_back(people, found))


def test_what_was_told_ok_and_is_there_once_holds(people: People) -> None:
    did(people, "sign-in 1.1", "session_started u1")
    did(people, "sign-in 1.2", "session_started u1", Outcome.UNKNOWN)
    did(people, "code 2.1", "sms +79120000002")
    started = event("identity.session_started.v1", "u1")

    assert verdict(people, started, messages=(sms("+79120000002"),)).holds


def test_event_that_never_came_is_lost(people: People) -> None:
    did(people, "confirm 1.1", "user_registered u1")

    assert verdict(people).lost == ["confirm 1.1"]


def test_second_sms_for_one_call_is_a_double(people: People) -> None:
    did(people, "code 1.1", "sms +79120000001")

    assert verdict(people, messages=(sms("+79120000001"), sms("+79120000001"))).doubled == ["code 1.1"]


def test_sms_to_somebody_who_was_refused_is_a_ghost(people: People) -> None:
    did(people, "code 1.1", "sms +79120000001", Outcome.FAILED)

    assert len(verdict(people, messages=(sms("+79120000001"),)).ghosts) == 1


def test_more_sessions_than_tries_are_found(people: People) -> None:
    did(people, "sign-in 1.1", "session_started u1", Outcome.UNKNOWN)
    twice = [event("identity.session_started.v1", "u1") for _ in range(2)]

    assert verdict(people, *twice).doubled == ["sign-in 1.1"]


def test_wrong_decision_is_a_ghost_and_the_right_one_lost(people: People) -> None:
    did(people, "link 1.1 decision", "link decision 70000001")
    people.truths["70000001"] = "refused"

    found = verdict(people, event("billing_link.account_linked.v1", "70000001"))

    assert found.lost == ["link 1.1 decision"]
    assert len(found.ghosts) == 1


def test_events_of_one_user_in_the_wrong_order_are_found(people: People) -> None:
    did(people, "confirm 1.1", "user_registered u1")
    did(people, "sign-in 1.2", "session_started u1")
    early, late = event("identity.session_started.v1", "u1", 1.0), event("identity.user_registered.v1", "u1", 2.0)

    assert verdict(people, early, late).disordered == ["confirm 1.1"]


def test_code_whose_answer_was_lost_may_be_there_or_not(people: People) -> None:
    did(people, "code 1.1", "untold code_requested", Outcome.UNKNOWN)

    assert verdict(people).holds
    assert verdict(people, event("verification.code_requested.v1", "c1")).holds
    assert verdict(people, *[event("verification.code_requested.v1", one) for one in ("c1", "c2")]).doubled


def test_table_that_changed_is_named() -> None:
    changed = differences({"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"})

    assert changed == ["b: 2 became 3", "c: None became 4"]
