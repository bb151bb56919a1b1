"""What billing-link tells of requests and links."""

from uuid import uuid4

from prometheus_client import REGISTRY

from billing_link import watching
from tests.billing_link.conftest import House


def told(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"kabinet_link{name}", labels) or 0


async def test_decisions_and_links_are_counted_once(known: House) -> None:
    linked, refused = told("_decisions_total", outcome="linked"), told("_decisions_total", outcome="not-confirmed")
    made, seconds = told("s_made_total", origin="amount"), told("_decision_seconds_count")

    await known.ask_and_work(uuid4())
    await known.ask_and_work(uuid4(), amount="1.00")
    await known.work()

    assert told("_decisions_total", outcome="linked") == linked + 1
    assert told("_decisions_total", outcome="not-confirmed") == refused + 1
    assert told("s_made_total", origin="amount") == made + 1
    assert told("_decision_seconds_count") == seconds + 2


async def test_undecided_requests_are_told_with_the_age_of_the_oldest(known: House) -> None:
    await watching.measure(known.running.wired)
    assert (told("_requests_pending"), told("_requests_oldest_seconds")) == (0, 0)

    await known.ask(uuid4())
    await known.change("UPDATE link_requests SET created_at = now() - interval '200 seconds'")
    await watching.measure(known.running.wired)

    assert told("_requests_pending") == 1
    assert 200 <= told("_requests_oldest_seconds") < 260
