"""Feedback: what reaches support, what the writer gets back, and what is refused."""

import asyncio
import re
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from notifier import feedback
from shared.contracts.notifier import FeedbackReceived
from shared.refusals import InvalidFields
from tests.kit import Running, eventually, field_codes, problem
from tests.notifier import facts
from tests.notifier.outside import MailHost

FORM = {
    "name": "Анна Петрова",
    "reply_to": "petrova@mail.ru",
    "topic": "linking",
    "message": "Счёт не подключается.\nЧто делать?",
}


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid7().hex}


async def test_message_reaches_support_with_reply_to_and_the_writer_gets_a_receipt(
    delivering: Running, mail: MailHost
) -> None:
    form = {**FORM, "account_number": "6712 3456", "phone": "8 912 345-67-89"}

    answer = await delivering.client.post("/v1/feedback", json=form)

    assert answer.status_code == 202
    reference = answer.json()["reference"]
    assert re.fullmatch(r"[2-9A-HJKMNP-TV-Z]{3}-[2-9A-HJKMNP-TV-Z]{3}", reference)
    await facts.ended(delivering, 2)
    letters = {to: message for message, (to,) in zip(mail.taken, mail.recipients, strict=True)}
    to_support, receipt = letters["support@energosbyt.example"], letters["petrova@mail.ru"]
    address = to_support["Reply-To"].addresses[0]
    assert (address.addr_spec, address.display_name) == ("petrova@mail.ru", "Анна Петрова")
    assert to_support["From"].addresses[0].addr_spec == "kabinet@energosbyt.example"
    text = str(to_support.get_content())
    for part in (reference, "Счёт не подключается.", "67123456", "+79123456789", "Добавление счёта"):
        assert part in text.replace("\r\n", "\n")
    assert reference in receipt["Subject"]
    said = receipt.as_string() + str(receipt.get_body(("plain",)).get_content())  # type: ignore[union-attr]
    for word in ("Анна", "подключается", "67123456"):
        assert word not in said


async def test_same_key_is_one_message_and_one_receipt(delivering: Running, mail: MailHost) -> None:
    headers = key()

    first = await delivering.client.post("/v1/feedback", json=FORM, headers=headers)
    again = await delivering.client.post("/v1/feedback", json=FORM, headers=headers)
    other = await delivering.client.post("/v1/feedback", json={**FORM, "message": "Другое"}, headers=headers)

    assert first.json() == again.json()
    assert problem(other)["code"] == "idempotency-key-reused"
    await facts.ended(delivering, 2)
    assert len(await facts.notifications(delivering)) == 2
    assert len(await delivering.said(FeedbackReceived)) == 1


async def test_words_rest_sealed_and_are_told_to_nobody_else(notifier: Running) -> None:
    await notifier.client.post("/v1/feedback", json=FORM)

    rest = str([tuple(row) for row in await notifier.rows("SELECT * FROM notifications WHERE kind = 'feedback'")])
    events = str(await notifier.said())
    stored = str(await notifier.rows("SELECT * FROM feedback_messages"))
    for word in ("Анна", "petrova", "подключается"):
        assert word not in rest + events + stored


async def test_address_gets_three_receipts_a_day_and_support_every_message(notifier: Running) -> None:
    forms = [{**FORM, "reply_to": address} for address in ["petrova@mail.ru"] * 5 + ["PETROVA@mail.ru", "b@mail.ru"]]

    answers = await asyncio.gather(*(notifier.client.post("/v1/feedback", json=form) for form in forms))

    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["reference"] for answer in answers}) == 7
    counts = await notifier.rows("SELECT kind, count(*) AS count FROM notifications GROUP BY kind")
    assert {row.kind: row.count for row in counts} == {"feedback": 7, "feedback_receipt": 4}


async def test_receipt_speaks_the_writers_language(delivering: Running, mail: MailHost) -> None:
    await delivering.client.post("/v1/feedback", json=FORM, headers={"Accept-Language": "en"})

    await facts.ended(delivering, 2)
    subjects = sorted(str(message["Subject"]) for message in mail.taken)
    assert subjects[0].startswith("Your message ")


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"topic": "billing"}, {"topic": "topic-unknown"}),
        ({"message": " \n "}, {"message": "message-missing"}),
        ({"message": "я" * 4001}, {"message": "message-too-long"}),
        ({"name": "я" * 101}, {"name": "name-invalid"}),
        ({"name": "Anna\r\nBcc: somebody@mail.ru"}, {"name": "name-invalid"}),
        ({"name": "Anna\nSubject: prize"}, {"name": "name-invalid"}),
        ({"reply_to": "a@mail.ru, b@mail.ru"}, {"reply_to": "email-invalid"}),
        ({"reply_to": "a@mail.ru\r\nBcc: b@mail.ru"}, {"reply_to": "email-invalid"}),
        ({"reply_to": "nobody"}, {"reply_to": "email-invalid"}),
        ({"account_number": "1234"}, {"account_number": "account-number-invalid"}),
        ({"account_number": "６７１２３４５６"}, {"account_number": "account-number-invalid"}),
        ({"phone": "12"}, {"phone": "phone-invalid"}),
        (
            {"topic": "", "message": "", "reply_to": ""},
            {"topic": "topic-unknown", "message": "message-missing", "reply_to": "email-invalid"},
        ),
    ],
)
def test_form_is_refused_field_by_field(change: dict[str, Any], refused: dict[str, str]) -> None:
    with pytest.raises(InvalidFields) as raised:
        feedback.read(feedback.Form(**{**FORM, **change}))

    assert {refusal.field: refusal.code for refusal in raised.value.refusals} == refused


async def test_refused_form_leaves_nothing_behind(notifier: Running) -> None:
    bad = {**FORM, "reply_to": "a@mail.ru, b@mail.ru", "topic": "?"}

    answer = await notifier.client.post("/v1/feedback", json=bad)
    unknown = await notifier.client.post("/v1/feedback", json={**FORM, "color": "red"})

    assert field_codes(answer) == {"topic": "topic-unknown", "reply_to": "email-invalid"}
    assert list(field_codes(unknown).values()) == ["unknown-field"]
    assert await facts.notifications(notifier) == []
    assert await notifier.said() == []


async def test_refusals_speak_russian_by_default(notifier: Running) -> None:
    answer = await notifier.client.post("/v1/feedback", json={**FORM, "topic": "?"})

    assert problem(answer)["errors"][0]["detail"] == "Выберите тему."


async def test_message_of_the_longest_length_is_taken_and_name_may_be_empty(notifier: Running) -> None:
    answer = await notifier.client.post("/v1/feedback", json={**FORM, "message": "я" * 4000, "name": ""})

    assert answer.status_code == 202


async def test_message_goes_as_it_was_typed_but_for_signs_that_drive_terminals(
    delivering: Running, mail: MailHost
) -> None:
    typed = "\x1b[2Jпривет\r\n.\r\nQUIT\r\n<script>{{7*7}}</script>"
    await delivering.client.post("/v1/feedback", json={**FORM, "message": typed})

    await eventually(lambda: facts.ended(delivering, 2))
    to_support = next(message for message in mail.taken if message["Reply-To"])
    text = str(to_support.get_content()).replace("\r\n", "\n")
    assert "\ufffd[2Jпривет\n.\nQUIT\n<script>{{7*7}}</script>" in text


async def test_client_that_writes_all_day_is_refused_until_tomorrow_and_others_are_not(notifier: Running) -> None:
    for n in range(notifier.wired.feedback.messages_a_day):
        answer = await notifier.client.post("/v1/feedback", json={**FORM, "reply_to": f"a{n}@mail.ru"})
        assert answer.status_code == 202

    refused = await notifier.client.post("/v1/feedback", json=FORM)
    neighbour = await notifier.client.post("/v1/feedback", json=FORM, headers={"X-Forwarded-For": "198.51.100.7"})

    assert (refused.status_code, problem(refused)["code"]) == (429, "too-many-messages")
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    assert neighbour.status_code == 202


async def test_attachment_is_refused(notifier: Running) -> None:
    by_field = await notifier.client.post("/v1/feedback", json={**FORM, "attachment": "aGk="})
    by_form = await notifier.client.post("/v1/feedback", data=FORM, files={"file": ("a.exe", b"MZ")})

    assert (by_field.status_code, by_form.status_code) == (422, 415)
    assert await facts.notifications(notifier) == []
