"""Header, command and template injection: what may not leave does not, and what leaves is one letter, to one reader."""

import asyncio
import email
import re
from collections import Counter
from collections.abc import Iterable
from email.headerregistry import Address
from email.policy import default
from html.parser import HTMLParser
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from notifier import feedback, rules
from notifier.feedback_words import FeedbackWords, support_message, tidy
from notifier.letters import LETTERS
from notifier.main import deliver_mail, keep_place
from notifier.rendering import Envelope, NotOneAddress, headed, letter_message, one_address, render
from notifier.rules import Kind, Outcome
from notifier.sms_texts import SMS_TEXTS
from notifier.smtp import MailServer, as_bytes
from shared.contracts import identity as said
from shared.contracts.verification import CodeSecrets
from shared.events import Malformed
from shared.refusals import InvalidFields
from tests.kit import Running, eventually
from tests.notifier import facts
from tests.notifier.conftest import words
from tests.notifier.hostile import (
    ENCODED_WORDS,
    NO_ADDRESSES,
    NO_CODES,
    NO_PHONES,
    NO_TOKENS,
    ODD_ADDRESSES,
    OF_MORE_THAN_ONE_LINE,
    ON_ONE_LINE,
)
from tests.notifier.outside import Gateway, MailHost, wire
from tests.notifier.samples import AT, CONFIRMATION, HOUR, LIFE, RECOVERY
from tests.notifier.test_delivering import working

SUPPORT = Envelope("kabinet@energosbyt.example", "support@energosbyt.example", "0190-2", AT)
READER = Envelope("kabinet@energosbyt.example", "petrova@mail.ru", "0190-1", AT)
HEADERS = ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"]


def test_corpus_is_of_real_size() -> None:
    texts = (OF_MORE_THAN_ONE_LINE, ENCODED_WORDS, ON_ONE_LINE)
    lists = (*texts, NO_ADDRESSES, ODD_ADDRESSES, NO_PHONES, NO_CODES, NO_TOKENS)

    assert all(len(one) == len(set(one)) for one in lists)
    assert sum(map(len, lists)) > 600


# Addresses


async def test_no_connection_is_made_for_what_is_no_address(mail: MailHost) -> None:
    door = MailServer("127.0.0.1", mail.port, "none")

    for address in NO_ADDRESSES:
        with pytest.raises(NotOneAddress):
            await door.send(headed("Subject", "Name", Envelope(READER.sender, address, "0190-1", AT)), _leave)

    assert mail.connections == 0


async def _leave() -> float:
    return 60


async def test_letters_to_what_is_no_address_fail_and_no_byte_leaves(notifier: Running, mail: MailHost) -> None:
    for address in NO_ADDRESSES:
        await notifier.hears(facts.confirmation(uuid7(), address))

    async with working(notifier, [keep_place, deliver_mail]):
        rows = await facts.ended(notifier, len(NO_ADDRESSES))

    assert {row.status for row in rows} == {"failed"}
    assert all(rules.one_line(row.masked_address) for row in rows)
    assert mail.connections == 0
    assert await notifier.rows("SELECT 1 FROM attempts") == []


async def test_odd_address_is_that_one_reader_alone(mail: MailHost) -> None:
    door = MailServer("127.0.0.1", mail.port, "none", hello="energosbyt.example")

    for address in ODD_ADDRESSES:
        made = headed("Subject", "Name", Envelope(READER.sender, address, "0190-1", AT))
        made.set_content("text")
        assert (await door.send(made, _leave)).outcome is Outcome.ACCEPTED

    assert mail.recipients == [[address] for address in ODD_ADDRESSES]
    assert [taken["To"].addresses[0].addr_spec for taken in mail.taken] == ODD_ADDRESSES


@pytest.mark.parametrize("text", [*OF_MORE_THAN_ONE_LINE, *ENCODED_WORDS], ids=ascii)
def test_subject_and_name_with_more_than_one_line_are_refused(text: str) -> None:
    with pytest.raises(NotOneAddress):
        headed(text, "Name", READER)
    with pytest.raises(NotOneAddress):
        one_address("petrova@mail.ru", text)


def test_header_that_nobody_gave_is_found_before_anything_leaves() -> None:
    """The last look: `email` opens an encoded word of a header, line ends and all."""
    made = headed("Subject", "Name", READER)
    made["Reply-To"] = Address(ENCODED_WORDS[0], "anna", "mail.ru")
    made.set_content("text")

    with pytest.raises(ValueError, match="nobody gave it"):
        as_bytes(made, "petrova@mail.ru")


# Letters


class Shape(HTMLParser):
    """Which tags a page has, with which attributes, where it leads, and the words in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: Counter[tuple[str, tuple[str, ...]]] = Counter()
        self.links: set[str] = set()
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag, tuple(name for name, _ in attrs)] += 1
        self.links |= {value or "" for name, value in attrs if name in ("href", "src", "action")}

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def letters_with(text: str) -> Iterable[tuple[Kind, dict[str, Any], Any]]:
    """Each letter that repeats what somebody else chose."""
    yield Kind.PASSWORD_RECOVERY, HOUR, RECOVERY.model_copy(update={"login": text})
    others = {"login": text, "other_logins": ["petrova", text]}
    yield Kind.EMAIL_CONFIRMATION, {"purpose": "registration", **LIFE}, CONFIRMATION.model_copy(update=others)
    yield Kind.NEW_SIGN_IN, {"at": AT.isoformat()}, said.SessionOrigin(address=text, user_agent=text)
    yield Kind.ACCOUNT_LINKED, {"ending": text}, None


@pytest.mark.parametrize("text", [*ON_ONE_LINE, *ENCODED_WORDS], ids=ascii)
def test_what_a_stranger_chose_changes_no_tag_no_link_and_no_header_of_a_letter(text: str) -> None:
    for (kind, details, secrets), (_kind, plain_details, plain_secrets) in zip(
        letters_with(text), letters_with("petrova"), strict=True
    ):
        letter = LETTERS[kind](words("ru"), details, secrets)
        plain = LETTERS[kind](words("ru"), plain_details, plain_secrets)

        page, written = render(letter, words("ru"))
        made = letter_message(letter, words("ru"), READER)

        shape, plain_shape = Shape(page), Shape(render(plain, words("ru"))[0])
        assert (shape.tags, shape.links) == (plain_shape.tags, plain_shape.links)
        assert made.keys() == letter_message(plain, words("ru"), READER).keys()
        assert made["Subject"] == plain.subject
        if kind is Kind.NEW_SIGN_IN:
            assert text not in written or text in render(plain, words("ru"))[1]
        else:
            assert text in written, "as the text that it is: nothing was carried out"
            assert " ".join(text.split()) in " ".join(shape.words)


@pytest.mark.parametrize("event", ["confirmation", "recovery"])
async def test_login_of_more_than_one_line_is_poison(notifier: Running, event: str) -> None:
    for login in OF_MORE_THAN_ONE_LINE:
        told, secrets = getattr(facts, event)(uuid7())
        with pytest.raises(Malformed):
            await notifier.hears((told, secrets.model_copy(update={"login": login})))

    assert await facts.notifications(notifier) == []


async def test_token_that_is_none_is_poison(notifier: Running) -> None:
    for token in NO_TOKENS:
        for told, secrets in (facts.confirmation(uuid7()), facts.recovery(uuid7())):
            with pytest.raises(Malformed):
                await notifier.hears((told, secrets.model_copy(update={"token": token})))

    assert await facts.notifications(notifier) == []


# Feedback: whoever writes to support chooses nearly every byte


async def test_words_to_support_are_one_letter_over_the_wire_whatever_they_are() -> None:
    texts = [*ON_ONE_LINE, *ENCODED_WORDS, *OF_MORE_THAN_ONE_LINE]
    async with wire() as host:
        door = MailServer("127.0.0.1", host.port, "none", hello="energosbyt.example")
        for text in texts:
            name = text if rules.may_head(text) else "Анна"
            read = feedback.read(feedback.Form(name=name, reply_to="anna@mail.ru", topic="other", message=text))
            answer = await door.send(support_message(read, "4K7-2QX", words("ru"), SUPPORT), _leave)
            assert answer.outcome is Outcome.ACCEPTED, ascii(text)

        await eventually(lambda: asyncio.sleep(0, len(host.conversations) == len(texts)))

    for text, heard in zip(texts, host.conversations, strict=True):
        assert_one_letter_to_support(text, heard)


def assert_one_letter_to_support(text: str, heard: bytes) -> None:
    before, data = heard.split(b"DATA\r\n", 1)
    data, after = data.split(b"\r\n.\r\n", 1)
    assert before.split(b"\r\n")[:-1] == [
        b"EHLO energosbyt.example",
        b"MAIL FROM:<kabinet@energosbyt.example>",
        b"RCPT TO:<support@energosbyt.example>",
    ]
    assert after == b"QUIT\r\n"
    assert data.isascii()
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", data), "no bare line end, by which a server may be led astray"
    assert not re.search(rb"^\.", data, re.MULTILINE)
    taken = email.message_from_bytes(data, policy=default)
    assert sorted(taken.keys()) == sorted(
        [*HEADERS, "Reply-To", "Content-Language", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"]
    )
    assert [one.addr_spec for one in taken["Reply-To"].addresses] == ["anna@mail.ru"]
    assert [one.addr_spec for one in taken["To"].addresses] == ["support@energosbyt.example"]
    assert taken["Subject"] == "Обращение 4K7-2QX: Другое"
    assert taken.get_content_type() == "text/plain"
    body = str(taken.get_content()).replace("\r\n", "\n")
    assert tidy(text).strip() in body


@pytest.mark.parametrize("text", [*OF_MORE_THAN_ONE_LINE, *ENCODED_WORDS], ids=ascii)
def test_name_that_could_be_a_header_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidFields) as raised:
        feedback.read(feedback.Form(name=text, reply_to="anna@mail.ru", topic="other", message="Hello"))

    assert [refusal.code for refusal in raised.value.refusals] == ["name-invalid"]


def test_address_for_the_answer_that_is_none_is_refused_by_name() -> None:
    for address in NO_ADDRESSES:
        form = feedback.Form(name="Anna", reply_to=address, topic="other", message="Hello")
        if one_address_after_strip(address):
            assert feedback.read(form).reply_to == "petrova@mail.ru"
            continue
        with pytest.raises(InvalidFields) as raised:
            feedback.read(form)
        assert [refusal.code for refusal in raised.value.refusals] == ["email-invalid"], ascii(address)


def one_address_after_strip(address: str) -> bool:
    """Somebody typed a blank or a line end before it or after it."""
    return address.strip() == "petrova@mail.ru"


# SMS


async def test_no_provider_is_asked_for_what_is_no_number(notifier: Running, operator: Gateway) -> None:
    for phone in NO_PHONES:
        await notifier.hears(facts.code(phone=phone))

    async with working(notifier, notifier.service.loops):
        rows = await facts.ended(notifier, len(NO_PHONES))

    assert {row.status for row in rows} == {"failed"}
    assert operator.requests == []


async def test_code_of_other_signs_than_digits_is_poison_and_is_never_written(notifier: Running) -> None:
    for code in NO_CODES:
        with pytest.raises(Malformed):
            await notifier.hears(facts.code(digits=code))
        with pytest.raises(Malformed):
            SMS_TEXTS[Kind.REGISTRATION_CODE](words("ru"), CodeSecrets(phone="+79123456789", code=code))

    assert await facts.notifications(notifier) == []


def test_feedback_words_are_no_template() -> None:
    sealed = FeedbackWords(name="{{7*7}}", reply_to="anna@mail.ru", topic="other", message="{{ reference }} {% raw %}")

    text = str(support_message(sealed, "4K7-2QX", words("ru"), SUPPORT).get_content())

    assert "{{7*7}}" in text
    assert "{{ reference }} {% raw %}" in text
