"""The mailbox: real SMTP in, the SMS interface in, JSON and pages out."""

import asyncio
import re
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
import httpx2
import pytest
import pytest_asyncio

from deploy.embedded.children import Child
from deploy.embedded.launcher import answers, mailbox_child
from deploy.embedded.ports import HOST, free_ports
from notifier.sms_receipts import signature
from tests.kit import eventually

TOKEN = "the-token"


def sms(to: str) -> dict[str, str]:
    """What a sender posts; named for its receiver."""
    return {"message_id": f"m{to}", "to": to, "sender": "Energosbyt", "text": "Код 12345\n@kabinet.example #12345"}


class Box:
    """A running mailbox and a client for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.smtp_port = free_ports(2)
        self.url = f"http://{HOST}:{self.port}"
        self.child: Child = mailbox_child(folder, folder / "log", self.port, self.smtp_port, TOKEN)
        self.client = httpx2.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {TOKEN}"})

    async def start(self) -> None:
        self.child.start()
        await self.child.wait_ready(lambda: asyncio.to_thread(answers, self.url))

    async def send(self, *to: str, html: str = "<p>Здравствуйте</p>", subject: str = "Подтвердите адрес") -> None:
        letter = EmailMessage()
        letter["From"] = "Кабинет <kabinet@energosbyt.example>"
        letter["To"] = ", ".join(to)
        letter["Reply-To"] = "support@energosbyt.example"
        letter["Subject"] = subject
        letter["X-Kind"] = "confirmation"
        letter.set_content("Откройте http://127.0.0.1:8080/c/abc и нажмите кнопку")
        letter.add_alternative(html, subtype="html")
        await aiosmtplib.send(letter, hostname=HOST, port=self.smtp_port, start_tls=False)

    async def items(self, **query: str) -> list[dict[str, Any]]:
        answer = await self.client.get("/api/messages", params=query)
        assert answer.status_code == 200
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


@pytest_asyncio.fixture(scope="module")
async def box(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Box]:
    box = Box(tmp_path_factory.mktemp("mailbox"))
    await box.start()
    yield box
    await box.client.aclose()
    await box.child.stop()


async def test_letter_comes_in_by_smtp_whole(box: Box) -> None:
    await box.send("anna.whole@example.org")

    (letter,) = await box.items(to="Anna.Whole@Example.org", channel="email")
    assert letter["to"] == "anna.whole@example.org"
    assert letter["from"] == "Кабинет <kabinet@energosbyt.example>"
    assert letter["reply_to"] == "support@energosbyt.example"
    assert letter["subject"] == "Подтвердите адрес"
    assert "http://127.0.0.1:8080/c/abc" in letter["text"]
    assert letter["html"] == "<p>Здравствуйте</p>\n"
    assert letter["headers"]["X-Kind"] == "confirmation"
    assert letter["received_at"].endswith("Z")


async def test_letter_to_two_people_is_in_both_boxes(box: Box) -> None:
    await box.send("anna.two@example.org", "boris.two@example.org")

    assert len(await box.items(to="anna.two@example.org")) == 1
    assert len(await box.items(to="boris.two@example.org")) == 1
    assert await box.items(to="example.org") == []


async def test_messages_are_listed_newest_first(box: Box) -> None:
    await box.send("anna.newest@example.org", subject="first")
    await box.send("anna.newest@example.org", subject="second")
    await box.client.post("/sms/messages", json=sms("+79160000001"))

    assert [item["subject"] for item in await box.items()][:3] == ["", "second", "first"]
    assert [item["subject"] for item in await box.items(channel="email")][:2] == ["second", "first"]


async def test_sms_repeated_under_its_name_comes_once(box: Box) -> None:
    first = await box.client.post("/sms/messages", json=sms("+79160000002"))
    again = await box.client.post("/sms/messages", json=sms("+79160000002"))

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    (arrived,) = await box.items(to="+79160000002", channel="sms")
    assert arrived["text"] == "Код 12345\n@kabinet.example #12345"
    assert arrived["id"] == first.json()["id"]


async def test_sms_is_refused_without_the_token_or_with_bad_input(box: Box) -> None:
    good = sms("+79160000003")
    stranger = await box.client.post("/sms/messages", json=good, headers={"Authorization": "Bearer guessed"})
    bad_phone = await box.client.post("/sms/messages", json={**good, "to": "89160000003"})
    no_text = await box.client.post("/sms/messages", json={**good, "text": ""})

    assert (stranger.status_code, bad_phone.status_code, no_text.status_code) == (401, 422, 422)
    assert await box.items(to="+79160000003") == []


async def test_phone_typed_into_the_address_bar_is_found(box: Box) -> None:
    await box.client.post("/sms/messages", json=sms("+79160000004"))

    answer = await box.client.get("/api/messages?to=+79160000004")

    assert len(answer.json()["items"]) == 1


async def test_messages_survive_a_restart_in_a_file_of_the_owner(box: Box) -> None:
    await box.send("anna.restart@example.org")

    await box.child.stop()
    await box.start()

    assert len(await box.items(to="anna.restart@example.org")) == 1
    assert (box.folder / "messages.jsonl").stat().st_mode & 0o777 == 0o600


async def test_pages_show_letters_and_run_nothing_of_them(box: Box) -> None:
    await box.send("anna.pages@example.org", html="<script>alert(1)</script>", subject="<b>bold</b>")
    (letter,) = await box.items(to="anna.pages@example.org")

    index = await box.client.get("/", headers={"Accept-Language": "en"})
    page = await box.client.get(f"/messages/{letter['id']}")
    frame = await box.client.get(f"/messages/{letter['id']}/html")

    assert "Letters and SMS" in index.text
    assert "&lt;b&gt;bold&lt;/b&gt;" in index.text
    assert 'sandbox="allow-popups' in page.text
    assert '<a href="http://127.0.0.1:8080/c/abc"' in page.text
    assert frame.headers["Content-Security-Policy"].startswith("sandbox ")
    assert "allow-scripts" not in frame.headers["Content-Security-Policy"]


@pytest.mark.parametrize("typed", ["89160000005", "8 (916) 000-00-05", "+7 916 000-00-05", "+79160000005"])
async def test_phone_is_found_however_it_is_typed(box: Box, typed: str) -> None:
    await box.client.post("/sms/messages", json=sms("+79160000005"))

    assert len(await box.items(to=typed)) == 1


async def test_page_says_what_the_filter_did_not_find(box: Box) -> None:
    await box.send("anna.filter@example.org")

    nothing = await box.client.get("/", params={"to": "nobody@example.org", "lang": "en"})
    found = await box.client.get("/", params={"to": "anna.filter@example.org", "lang": "en"})

    assert "Nothing has come to this address or phone." in nothing.text
    assert "Nothing" not in found.text


async def test_other_language_keeps_the_filter(box: Box) -> None:
    page = await box.client.get("/", params={"to": "anna+1@example.org", "channel": "email", "lang": "en"})

    assert 'href="?lang=ru&amp;channel=email&amp;to=anna%2B1%40example.org"' in page.text


async def test_times_name_their_zone(box: Box) -> None:
    await box.send("anna.zone@example.org")

    page = await box.client.get("/", params={"to": "anna.zone@example.org"})

    assert re.search(r"\d\d:\d\d:\d\d [A-Z+-]\S*</time>", page.text)


@pytest.mark.parametrize("path", ["/messages/none", "/messages/none/html", "/nowhere"])
async def test_page_that_is_not_there_is_said_in_words(box: Box, path: str) -> None:
    page = await box.client.get(path, headers={"Accept-Language": "en"})

    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no such message or page." in page.text
    assert (await box.client.get("/api/nowhere")).json() == {"detail": "Not Found"}


def form(to: str, **more: str) -> dict[str, str]:
    """What a sender posts to the older gateway; named for its receiver."""
    known = {"login": "kabinet", "password": TOKEN}
    return {**known, "reference": f"f{to}", "phone": to, "from": "Energosbyt", "text": "Код 12345", **more}


async def test_older_gateway_takes_forms_and_knows_no_repeat(box: Box) -> None:
    sent = [await box.client.post("/http/send", data=form("+79160000007")) for _ in range(2)]
    told = await box.client.post("/http/status", data=form("+79160000007"))
    nothing = await box.client.post("/http/status", data=form("+79160000007", reference="another"))

    assert [answer.status_code for answer in sent] == [200, 200]
    assert "status=sent" in sent[0].text
    assert (told.text, nothing.text) == ("status=delivered", "status=unknown")
    assert len(await box.items(to="+79160000007", channel="sms")) == 2


@pytest.mark.parametrize(
    "change", [{"password": "guessed"}, {"login": "other"}, {"phone": "89160000008"}, {"text": ""}]
)
async def test_older_gateway_refuses_strangers_and_bad_forms(box: Box, change: dict[str, str]) -> None:
    answer = await box.client.post("/http/send", data=form("+79160000008", **change))

    assert answer.status_code == (422 if {"phone", "text"} & change.keys() else 401)
    assert await box.items(to="+79160000008") == []


async def test_receipts_of_both_gateways_are_signed_and_say_which_sms_was_delivered(box: Box) -> None:
    posts: list[tuple[str, bytes]] = []

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = re.search(r"content-length: (\d+)", head)
        signed = re.search(r"x-signature: (\S+)", head)
        assert length is not None
        assert signed is not None
        posts.append((signed[1], await reader.readexactly(int(length[1]))))
        writer.write(b"HTTP/1.1 204 -\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(receive, HOST, 0) as server:
        url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}/v1/sms-receipts/primary"
        await box.client.post("/sms/messages", json={**sms("+79160000009"), "receipt_url": url})
        await box.client.post("/http/send", data=form("+79160000009", receipt_url=url))
        await eventually(lambda: asyncio.sleep(0, len(posts) == 2))

    for signed, body in posts:
        sent_at = int(signed.partition(",")[0].removeprefix("t="))
        assert signature(TOKEN, sent_at, body) == signed
    assert {body for _, body in posts} == {
        b'{"message_id": "m+79160000009", "status": "delivered"}',
        b"reference=f%2B79160000009&status=delivered",
    }
