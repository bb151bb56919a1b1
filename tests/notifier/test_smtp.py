"""The door to the mail server, against a real one on loopback that refuses, stalls and hangs up."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from notifier.feedback_words import FeedbackWords, support_message
from notifier.letters import password_changed
from notifier.rendering import Envelope, NotOneAddress, letter_message
from notifier.rules import Answer, Outcome
from notifier.smtp import MailServer
from tests.notifier.conftest import words
from tests.notifier.outside import MailHost, mail_host

AT = datetime(2026, 11, 25, 11, 20, tzinfo=UTC)


def message(recipient: str = "petrova@mail.ru") -> EmailMessage:
    letter = password_changed(words("ru"), {"at": AT.isoformat()}, None)
    return letter_message(letter, words("ru"), Envelope("kabinet@energosbyt.example", recipient, "0190-1", AT))


def server(port: int) -> MailServer:
    return MailServer("127.0.0.1", port, "none", hello="energosbyt.example", step_seconds=1, taking_seconds=1)


class Leave:
    """What the door asks before the message itself; counts how often."""

    def __init__(self, seconds: float | None = 60) -> None:
        self.seconds = seconds
        self.asked = 0

    async def __call__(self) -> float | None:
        self.asked += 1
        return self.seconds


async def test_letter_is_handed_over_to_its_one_reader(mail: MailHost) -> None:
    leave = Leave()

    answer = await server(mail.port).send(message(), leave)

    assert answer == Answer(Outcome.ACCEPTED, "250")
    assert leave.asked == 1
    assert mail.recipients == [["petrova@mail.ru"]]
    taken = mail.taken[0]
    assert taken["Message-ID"] == "<0190-1@energosbyt.example>"
    assert taken["Auto-Submitted"] == "auto-generated"
    assert "Пароль изменён" in taken.get_body(("plain",)).get_content()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("reply", "outcome", "code"),
    [
        ("550 5.1.1 no such petrova@mail.ru", Outcome.REFUSED, "550 5.1.1"),
        ("550 no such user", Outcome.REFUSED, "550"),
        ("450 4.2.0 greylisted", Outcome.TRY_LATER, "450 4.2.0"),
        ("554 5.7.1 relaying denied", Outcome.TRY_LATER, "554 5.7.1"),  # our set-up, not the reader's address
    ],
)
async def test_refusal_of_the_recipient(mail: MailHost, reply: str, outcome: Outcome, code: str) -> None:
    mail.rcpt = reply
    leave = Leave()

    answer = await server(mail.port).send(message(), leave)

    assert answer == Answer(outcome, code)
    assert leave.asked == 0
    assert "petrova" not in answer.code


@pytest.mark.parametrize(
    ("reply", "outcome"), [("554 5.6.0 bad content", Outcome.REFUSED), ("451 4.3.0 later", Outcome.TRY_LATER)]
)
async def test_refusal_of_the_message(mail: MailHost, reply: str, outcome: Outcome) -> None:
    mail.data = reply

    answer = await server(mail.port).send(message(), Leave())

    assert answer.outcome is outcome


@pytest.mark.parametrize("behaviour", ["hang up", "stall"])
async def test_answer_lost_after_the_message_is_an_unknown_outcome(mail: MailHost, behaviour: str) -> None:
    mail.after_message = behaviour

    answer = await server(mail.port).send(message(), Leave())

    assert answer.outcome is Outcome.UNKNOWN
    assert len(mail.taken) == 1


async def test_message_never_outlasts_the_time_it_was_given(mail: MailHost) -> None:
    mail.after_message = "stall"
    door = MailServer("127.0.0.1", mail.port, "none", taking_seconds=60)

    async with asyncio.timeout(5):
        answer = await door.send(message(), Leave(seconds=0.2))

    assert answer == Answer(Outcome.UNKNOWN, "timeout")


async def test_nothing_leaves_where_it_may_not(mail: MailHost) -> None:
    answer = await server(mail.port).send(message(), Leave(seconds=None))

    assert answer.outcome is Outcome.WITHHELD
    assert mail.taken == []


async def test_server_that_is_away_is_asked_later() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        answer = await server(free.getsockname()[1]).send(message(), Leave())

    assert answer.outcome is Outcome.TRY_LATER


async def test_server_that_says_nothing_is_asked_later() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with listening:
        answer = await server(listening.sockets[0].getsockname()[1]).send(message(), Leave())

    assert answer == Answer(Outcome.TRY_LATER, "timeout")


async def test_server_without_starttls_gets_nothing_where_starttls_is_set(mail: MailHost) -> None:
    leave = Leave()

    answer = await MailServer("127.0.0.1", mail.port, "starttls", step_seconds=1).send(message(), leave)

    assert answer.outcome is Outcome.TRY_LATER
    assert leave.asked == 0
    assert mail.taken == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's own certificate for 127.0.0.1, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + made.public_bytes(Encoding.PEM))
    return file


async def test_starttls_hands_over_to_a_server_that_proves_who_it_is(certificate: Path) -> None:
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    async with mail_host(tls_context=theirs, require_starttls=True) as host:
        known = MailServer("127.0.0.1", host.port, "starttls", step_seconds=5, tls=trusting)
        stranger = MailServer("127.0.0.1", host.port, "starttls", step_seconds=5)

        refused = await stranger.send(message(), Leave())
        taken_from_stranger = len(host.taken)
        accepted = await known.send(message(), Leave())

    assert (refused.outcome, taken_from_stranger) == (Outcome.TRY_LATER, 0)
    assert accepted.outcome is Outcome.ACCEPTED


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
async def test_login_that_is_refused_is_no_fault_of_the_reader() -> None:
    async with mail_host(auth_required=True, auth_require_tls=False, authenticator=refuse) as host:
        door = MailServer("127.0.0.1", host.port, "none", username="kabinet", password="wrong", step_seconds=1)

        answer = await door.send(message(), Leave())

    assert answer.outcome is Outcome.TRY_LATER
    assert answer.code.startswith("535")


def refuse(*_arguments: object) -> object:
    from aiosmtpd.smtp import AuthResult

    return AuthResult(success=False, handled=False)


async def test_address_beyond_ascii_goes_by_smtputf8(mail: MailHost) -> None:
    answer = await server(mail.port).send(message("петрова@mail.ru"), Leave())

    assert answer.outcome is Outcome.ACCEPTED
    assert "SMTPUTF8" in mail.options
    assert mail.recipients == [["петрова@mail.ru"]]


async def test_second_recipient_is_refused_before_any_connection(mail: MailHost) -> None:
    two = message()
    del two["To"]
    two["To"] = "petrova@mail.ru, somebody@mail.ru"

    with pytest.raises(ValueError, match="2 addresses"):
        await server(mail.port).send(two, Leave())
    two.replace_header("To", "petrova@mail.ru")
    two["Bcc"] = "somebody@mail.ru"
    with pytest.raises(ValueError, match="copy"):
        await server(mail.port).send(two, Leave())
    assert mail.taken == []


def test_password_is_not_shown() -> None:
    assert "s3cret" not in repr(MailServer("h", 25, "tls", username="u", password="s3cret"))


async def test_tls_that_breaks_before_the_message_is_tried_later(certificate: Path) -> None:
    """A server that offers STARTTLS and then speaks no TLS, or hangs up in the middle of its handshake."""

    async def broken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for said in (b"220 mail.test\r\n", b"250-mail.test\r\n250 STARTTLS\r\n", b"220 go ahead\r\n"):
            writer.write(said)
            await reader.readline()
        writer.close()

    leave = Leave()
    listening = await asyncio.start_server(broken, "127.0.0.1", 0)
    async with listening:
        door = MailServer("127.0.0.1", listening.sockets[0].getsockname()[1], "starttls", step_seconds=2)
        answer = await door.send(message(), leave)

    assert (answer.outcome, leave.asked) == (Outcome.TRY_LATER, 0)


async def test_tls_that_is_cut_after_the_message_is_an_unknown_outcome(certificate: Path) -> None:
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(certificate)
    async with mail_host(tls_context=theirs, require_starttls=True) as host:
        host.after_message = "hang up"
        trusting = ssl.create_default_context(cafile=str(certificate))
        answer = await MailServer("127.0.0.1", host.port, "starttls", step_seconds=5, tls=trusting).send(
            message(), Leave()
        )

    assert answer.outcome is Outcome.UNKNOWN
    assert len(host.taken) == 1


HOSTILE = [
    "petrova@mail.ru\r\nBcc: all@mail.ru",
    "petrova@mail.ru\nRCPT TO:<all@mail.ru>",
    "petrova@mail.ru>\r\nDATA",
    "<petrova@mail.ru> SIZE=1",
    "petrova@mail.ru, all@mail.ru",
    "all: petrova@mail.ru, b@mail.ru;",
    "petrova@mail.ru\x00",
    "petrova@mail.ru\u2028X: y",
    "petrova@[127.0.0.1]",
    "|/bin/sh@mail.ru\n",
    '"a\r\nRCPT TO:<all@mail.ru>"@mail.ru',
    "petrova@mail.ru (all@mail.ru\r\n)",
]


@pytest.mark.parametrize("recipient", HOSTILE)
async def test_no_byte_leaves_for_an_address_that_would_be_a_command_or_a_header(
    mail: MailHost, recipient: str
) -> None:
    with pytest.raises(NotOneAddress):
        await server(mail.port).send(message(recipient), Leave())

    assert (mail.asked, mail.taken, mail.recipients) == (0, [], [])


async def test_lines_of_a_message_that_begin_with_a_point_end_nothing(mail: MailHost) -> None:
    """Whoever writes to support may write what would end the message and begin another command (RFC 5321, 4.5.2)."""
    words_ = "first\r\n.\r\nMAIL FROM:<all@mail.ru>\r\n..\r\nlast"
    feedback = FeedbackWords(name="Anna", reply_to="anna@mail.ru", topic="other", message=words_)
    envelope = Envelope("kabinet@energosbyt.example", "support@mail.ru", "0190-2", AT)

    await server(mail.port).send(support_message(feedback, "4K7-2QX", words("ru"), envelope), Leave())

    (taken,) = mail.taken
    assert str(taken.get_content()).rstrip().endswith(words_)
    assert mail.recipients == [["support@mail.ru"]]
