"""Which requests the list shows, decided by value."""

from datetime import UTC, datetime, timedelta

from portal.pages.accounts_shown import LinkRequest, is_slow, shown_requests

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ONE, TWO = "67123456", "67200418"


def request(number: str = ONE, status: str = "refused", days: float = 0, request_id: str = "") -> LinkRequest:
    """So many days old, and decided at once where it is."""
    moment = (NOW - timedelta(days=days)).isoformat().replace("+00:00", "Z")
    decided = None if status == "pending" else moment
    named = request_id or f"{number} {status} {days}"
    return {"id": named, "account_number": number, "status": status, "created_at": moment, "decided_at": decided}


def shown(*requests: LinkRequest, held: tuple[str, ...] = (), hidden: tuple[str, ...] = ()) -> list[LinkRequest]:
    """`requests` come newest first, as billing-link gives them."""
    return shown_requests(requests, held, hidden, NOW)


def test_pending_come_before_refused() -> None:
    refused, pending = request(ONE), request(TWO, "pending", 1)

    assert shown(refused, pending) == [pending, refused]


def test_pending_is_shown_however_old() -> None:
    pending = request(status="pending", days=30)

    assert shown(pending) == [pending]


def test_refusal_is_shown_for_a_week() -> None:
    assert shown(request(days=7)) != []
    assert shown(request(days=7.001)) == []


def test_refusal_of_a_number_that_is_linked_or_pending_is_not_shown() -> None:
    pending = request(TWO, "pending")

    assert shown(pending, request(TWO, days=1), request(ONE, days=1), held=(ONE,)) == [pending]


def test_of_one_number_the_newest_refusal_is_shown() -> None:
    newest = request(days=1)

    assert shown(newest, request(days=2), request(days=3)) == [newest]


def test_hiding_a_refusal_brings_no_earlier_one_up() -> None:
    newest = request(days=1)

    assert shown(newest, request(days=2), hidden=(newest["id"],)) == []


def test_refusal_after_the_hidden_one_is_shown() -> None:
    hidden, newest = request(days=2), request(days=1)

    assert shown(newest, hidden, hidden=(hidden["id"],)) == [newest]


def test_refusal_before_a_link_that_has_ended_is_not_shown() -> None:
    assert shown(request(status="linked", days=1), request(days=2)) == []


def test_refusal_after_a_link_that_has_ended_is_shown() -> None:
    refused = request(days=1)

    assert shown(refused, request(status="linked", days=2)) == [refused]


def test_check_is_slow_after_five_minutes() -> None:
    minute = 1 / (24 * 60)

    assert not is_slow(request(status="pending", days=5 * minute), NOW)
    assert is_slow(request(status="pending", days=5.1 * minute), NOW)
