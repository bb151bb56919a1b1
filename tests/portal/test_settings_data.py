"""The archive: everything that the services hold of somebody, or nothing."""

import json
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import httpx2
import pytest

from tests.billing_link.conftest import House, opened, paid
from tests.identity.conftest import PASSWORD
from tests.portal.browsing import Browser, Page
from tests.portal.conftest import Cabinet
from tests.portal.settings_steps import sent

DOWNLOAD = "Скачать архив"
HALF = (
    "Сейчас собрать архив не получается: в нём должно быть всё, а часть данных не отвечает. Попробуйте через пару минут"
)


class BreaksOff(httpx2.AsyncBaseTransport):
    """A way on which the first request of a path is answered, and no other one."""

    def __init__(self, way: httpx2.AsyncBaseTransport) -> None:
        self._way = way
        self._answered: set[str] = set()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.url.path in self._answered:
            raise httpx2.ConnectError("broken off")
        self._answered.add(request.url.path)
        return await self._way.handle_async_request(request)


async def downloaded(browser: Browser, button: str = DOWNLOAD) -> httpx2.Response:
    return await browser.send(await browser.open("/settings/data"), button)


def unpacked(answer: httpx2.Response) -> dict[str, Any]:
    """The files of the archive, the JSON ones read."""
    with ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    return {name: json.loads(text) if name.endswith(".json") else text for name, text in texts.items()}


async def test_archive_holds_what_every_service_has(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    house = House(cabinet.billing_link)
    await house.hear(opened(), paid())
    [(user_id,)] = await cabinet.identity.running.rows("SELECT id FROM users")
    assert (await house.ask_and_work(user_id))["status"] == "linked"
    await sent(cabinet, ("new_sign_in", "email", "sent", "pe•••@mail.ru"))

    files = unpacked(await downloaded(browser))

    assert list(files) == [
        "readme.txt",
        *("me.json", "history.json", "sessions.json", "accounts.json", "link-requests.json", "notifications.json"),
    ]
    assert (files["me.json"]["login"], files["me.json"]["email"]) == ("petrova", "petrova@mail.ru")
    assert {"signed_in", "registered"} <= {entry["kind"] for entry in files["history.json"]}
    assert [session["current"] for session in files["sessions.json"]] == [True]
    assert [account["account_number"] for account in files["accounts.json"]] == ["67123456"]
    assert [request["status"] for request in files["link-requests.json"]] == ["linked"]
    assert [one["kind"] for one in files["notifications.json"]] == ["new_sign_in"]
    assert "accounts.json: счета и названия, которые вы им дали" in files["readme.txt"].replace("\u00a0", " ")
    assert PASSWORD not in str(files)


async def test_archive_is_a_file_to_keep_and_no_cache_keeps_it(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in("en")

    answer = await downloaded(browser, "Download")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    name = answer.headers["content-disposition"]
    assert name.startswith('attachment; filename="kabinet-20')
    assert name.endswith('.zip"')
    assert answer.headers["cache-control"] == "no-store"
    assert "me.json: login, e-mail, phone and language" in unpacked(answer)["readme.txt"]


async def test_long_lists_are_in_it_to_their_end(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    await sent(cabinet, *[("new_sign_in", "email", "sent", f"no{number}•••@mail.ru") for number in range(230)])

    files = unpacked(await downloaded(browser))

    addresses = [one["address"] for one in files["notifications.json"]]
    assert addresses == [f"no{number}•••@mail.ru" for number in reversed(range(230))]


@pytest.mark.parametrize("service", ["identity", "billing-link", "notifier"])
async def test_with_a_service_away_there_is_no_archive_and_words_say_why(cabinet: Cabinet, service: str) -> None:
    browser = await cabinet.signed_in()
    page = await browser.open("/settings/data")
    cabinet.lines[service].cut = True

    page = await browser.press(page, DOWNLOAD)

    assert (page.status, page.path, page.notices) == (503, "/settings/data", [HALF])
    assert int(page.answer.headers["retry-after"]) > 0
    assert "content-disposition" not in page.answer.headers
    cabinet.lines[service].cut = False
    answer = await browser.send(page, DOWNLOAD)
    assert answer.headers["content-type"] == "application/zip"


async def test_list_that_breaks_off_in_the_middle_gives_no_archive(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    await sent(cabinet, *[("new_sign_in", "email", "sent", None) for _number in range(130)])
    page = await browser.open("/settings/data")
    line = cabinet.lines["notifier"]
    line._transport = BreaksOff(line._transport)  # type: ignore[assignment]

    page = await browser.press(page, DOWNLOAD)

    assert (page.status, page.notices) == (503, [HALF])
    assert len(line.calls("GET", "/v1/notifications")) == 2


async def test_archive_of_one_person_holds_nothing_of_another(cabinet: Cabinet) -> None:
    await cabinet.signed_in()
    await sent(cabinet, ("new_sign_in", "email", "sent", "pe•••@mail.ru"))
    await cabinet.identity.registered(
        login="sidorov", email="sidorov@mail.ru", phone_proof=cabinet.identity.phone_proof()
    )
    other = await cabinet.signed_in(login="sidorov")

    files = unpacked(await downloaded(other))

    assert files["me.json"]["login"] == "sidorov"
    assert files["notifications.json"] == []
    assert "petrova" not in str(files)


async def test_page_says_what_is_in_it(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()

    page: Page = await browser.open("/settings/data")

    assert "Всё, что мы о вас храним, одним архивом" in page.text
    assert len(page.root.all("main")[0].all("li")) == 6
    assert page.buttons()[-1] == DOWNLOAD
