"""Receipts of SMS: signed, in either dialect, kept with the attempt, and told to nobody who cannot sign."""

import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from notifier.main import service
from notifier.sms_receipts import TOLERANCE_SECONDS, read, signature
from tests.kit import Running, problem
from tests.notifier import facts
from tests.notifier.outside import Gateway, MailHost
from tests.notifier.test_delivering import working

SECRET = "the-receipt-secret"


@pytest.fixture
async def signing(open_service: Callable[..., Awaitable[Running]], mail: MailHost, operator: Gateway) -> Running:
    return await open_service(
        service,
        smtp_host="127.0.0.1",
        smtp_port=mail.port,
        smtp_security="none",
        mail_from="kabinet@energosbyt.example",
        support_address="support@energosbyt.example",
        sms_url=operator.url,
        sms_token="the-token",
        sms_sender="Energosbyt",
        sms_receipt_secret=SECRET,
        portal_origin="https://lk.example.ru",
    )


async def sent_code(running: Running) -> str:
    await running.hears(facts.code())
    async with working(running, service.loops):
        (row,) = await facts.ended(running)
    return str(row.id)


async def post(running: Running, body: bytes, provider: str = "primary", **changed: Any) -> Any:
    signed = changed.get("signed") or signature(
        changed.get("secret", SECRET), int(time.time()) + changed.get("later", 0), changed.get("of", body)
    )
    return await running.client.post(f"/v1/sms-receipts/{provider}", content=body, headers={"X-Signature": signed})


def said(message_id: str, status: str) -> bytes:
    return json.dumps({"message_id": message_id, "status": status}).encode()


async def kept(running: Running) -> list[str | None]:
    return [row.receipt for row in await running.rows("SELECT receipt FROM attempts ORDER BY started_at")]


async def test_receipt_is_kept_and_a_delivered_sms_stays_delivered(signing: Running) -> None:
    sms = await sent_code(signing)

    answers = [await post(signing, said(sms, status)) for status in ("undelivered", "delivered", "undelivered")]

    assert [answer.status_code for answer in answers] == [204, 204, 204]
    assert answers[0].content == b""
    assert await kept(signing) == ["delivered"]
    assert [row.status for row in await facts.notifications(signing)] == ["sent"], "an end is an end"


@pytest.mark.parametrize(
    "changed",
    [
        {"secret": "another"},
        {"of": b"another body"},
        {"later": -TOLERANCE_SECONDS - 5},
        {"later": TOLERANCE_SECONDS + 5},
        {"signed": "t=1,v1=" + "0" * 64},
        {"signed": "nothing"},
        {"provider": "backup"},
        {"provider": "nobody"},
    ],
)
async def test_receipt_that_is_not_signed_as_it_should_be_is_refused(signing: Running, changed: dict[str, Any]) -> None:
    sms = await sent_code(signing)

    answer = await post(signing, said(sms, "delivered"), **changed)

    assert (answer.status_code, problem(answer)["code"]) == (401, "signature-invalid")
    assert await kept(signing) == [None]


async def test_receipt_of_an_unknown_message_and_a_strange_one_change_nothing(signing: Running) -> None:
    await sent_code(signing)

    for body in (said(str(uuid7()), "delivered"), b"{", b"\xff\xfe", b"{}", b"[" * 2000, said("x", "delivered")):
        assert (await post(signing, body)).status_code == 204

    assert await kept(signing) == [None]


async def test_receipt_of_any_length_is_not_read(signing: Running) -> None:
    answer = await post(signing, b"x" * 5000)

    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"message_id": "0193a5d0-0000-7000-8000-000000000000", "status": "delivered"}', "delivered"),
        (b"id=77&reference=0193a5d0-0000-7000-8000-000000000000&status=undelivered", "undelivered"),
        (b"reference=0193a5d0-0000-7000-8000-000000000000&status=queued", None),
        (b"status=delivered", None),
        (b'{"message_id": ["x"], "status": {"a": 1}}', None),
        (b"&".join(b"a=1" for _ in range(100)), None),
    ],
)
def test_receipt_is_read_in_either_dialect(body: bytes, status: str | None) -> None:
    told = read(body)

    assert (told[1] if told else None) == status
