"""Sessions: tokens stay on the server, are renewed once however many tabs ask, and go where identity says so."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from redis.asyncio import Redis as RedisClient

from deploy.embedded.redis import Redis
from portal.drawers import Drawer
from portal.sessions import Tokens
from tests.identity.conftest import PASSWORD
from tests.portal.browsing import Browser
from tests.portal.conftest import PUBLIC_URL, Cabinet, opened_portal, sign_in

REFRESH = ("POST", "/v1/sessions/refresh")


def drawer_of(cabinet: Cabinet, browser: Browser) -> Drawer:
    return Drawer(cabinet.redis, "session", browser.http.cookies["__Host-kabinet"])


async def make_stale(cabinet: Cabinet, browser: Browser) -> None:
    """As five minutes later."""
    drawer = drawer_of(cabinet, browser)
    tokens = (await drawer.read())["tokens"]
    await drawer.write(1000, {"tokens": tokens | {"until": 0.0, "access": "over"}})


@asynccontextmanager
async def another_portal(cabinet: Cabinet, keys: Path, redis_url: str, **settings: float) -> AsyncIterator[Browser]:
    """A browser at a portal process of its own, in front of the same services."""
    async with (
        opened_portal(keys, redis_url, cabinet.lines, **settings) as (_wired, transport),
        httpx2.AsyncClient(transport=transport, base_url=PUBLIC_URL) as http,
    ):
        yield Browser(http)


async def test_access_token_that_runs_out_is_renewed_unnoticed(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    await make_stale(cabinet, browser)

    page = await browser.open("/settings/language")

    assert page.heading == "Язык"
    assert len(cabinet.lines["identity"].calls(*REFRESH)) == 1


async def test_token_that_a_service_refuses_is_renewed_and_the_call_made_again(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    drawer = drawer_of(cabinet, browser)
    await drawer.write(1000, {"tokens": (await drawer.read())["tokens"] | {"access": "damaged"}})

    page = await browser.open("/settings/language")

    assert page.heading == "Язык"


async def test_tabs_of_two_portals_renew_once(cabinet: Cabinet, keys: Path, redis_url: str) -> None:
    browser = await cabinet.signed_in()
    await make_stale(cabinet, browser)
    async with another_portal(cabinet, keys, f"{redis_url}/1") as other:
        other.http.cookies = browser.http.cookies
        tabs = [browser, other] * 5

        pages = await asyncio.gather(*(tab.open("/settings/language") for tab in tabs))

    assert [page.heading for page in pages] == ["Язык"] * 10
    assert len(cabinet.lines["identity"].calls(*REFRESH)) == 1


async def test_renewal_whose_answer_got_lost_is_made_again(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    await make_stale(cabinet, browser)
    cabinet.lines["identity"].deaf = True
    assert (await browser.open("/settings/language")).status == 503
    cabinet.lines["identity"].deaf = False

    assert (await browser.open("/settings/language")).heading == "Язык"


async def test_session_that_identity_ended_leads_to_the_sign_in_and_back(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    await cabinet.identity.running.rows("UPDATE sessions SET ended_at = now() RETURNING 1")
    await cabinet.identity.running.rows(
        "INSERT INTO ended_sessions (session_id, until) SELECT id, now() + interval '1 hour' FROM sessions RETURNING 1"
    )

    page = await browser.open("/settings/language")
    assert (page.path, page.notices) == (
        "/login",
        ["Прошло много времени, и вход закончился. Войдите ещё раз — вернёмся на ту же страницу"],
    )
    page = await browser.press(page, "Войти", login="petrova", password=PASSWORD)

    assert page.path == "/settings/language"


async def test_page_that_a_stranger_opens_comes_after_the_sign_in(cabinet: Cabinet) -> None:
    await cabinet.identity.registered()
    browser = await cabinet.browser()

    page = await browser.open("/settings/language")
    assert (page.path, page.notices) == ("/login", [])
    page = await browser.press(page, "Войти", login="petrova", password=PASSWORD)

    assert page.path == "/settings/language"


async def test_every_sign_in_has_a_new_id(cabinet: Cabinet) -> None:
    await cabinet.identity.registered()
    browser = await cabinet.browser()
    await browser.open("/login")
    before = browser.http.cookies["__Host-kabinet"]

    await sign_in(browser)

    after = browser.http.cookies["__Host-kabinet"]
    assert (before[:2], after[:2]) == ("p.", "s.")
    browser.http.cookies.set("__Host-kabinet", before, domain="lk.example.ru")
    assert (await browser.open("/settings/language")).path == "/login"


async def test_made_up_session_opens_nothing(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()
    browser.http.cookies.set("__Host-kabinet", f"s.{'a' * 43}", domain="lk.example.ru")

    assert (await browser.open("/settings/language")).path == "/login"


async def test_signing_out_ends_the_session_in_identity_too(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    kept = Tokens.kept(await drawer_of(cabinet, browser).read())
    assert kept is not None

    await browser.press(await browser.open("/settings/language"), "Выйти")

    headers = {"Authorization": f"Bearer {kept.access}"}
    assert (await cabinet.identity.client.get("/v1/me", headers=headers)).status_code == 401


async def test_device_outlives_the_session(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    device = browser.http.cookies["__Host-device"]
    await browser.press(await browser.open("/settings/language"), "Выйти")

    await sign_in(browser)

    [first, second] = cabinet.lines["identity"].calls("POST", "/v1/sessions")
    assert "device" not in json.loads(first.content)
    assert json.loads(second.content)["device"] == device


async def test_dump_of_redis_shows_no_token_and_nothing_typed(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    page = await browser.open("/registration")
    await browser.press(page, "Получить код", login="semenova", email="anna@mail.ru", phone="8 912 345-67-89")
    kept = Tokens.kept(await drawer_of(cabinet, browser).read())
    assert kept is not None

    names = [name async for name in cabinet.redis.scan_iter("portal:*")]
    dump = b" ".join([part for name in names for part in (name, *await cabinet.redis.hvals(name))])

    secrets = [kept.access, kept.refresh, kept.user_id, browser.http.cookies["__Host-kabinet"]]
    secrets += ["semenova", "anna@mail.ru", "345-67-89", browser.http.cookies["__Host-draft"]]
    assert names
    assert [secret for secret in secrets if secret.encode() in dump] == []


async def test_draft_goes_after_a_quarter_of_an_hour(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()
    page = await browser.open("/registration")
    answer = await browser.send(page, "Получить код", login="semenova", phone="8 912 345-67-89")

    draft = Drawer(cabinet.redis, "draft", browser.http.cookies["__Host-draft"])

    assert 890 < await draft.left() <= 900
    assert any("__Host-draft" in cookie and "Max-Age=900" in cookie for cookie in answer.headers.get_list("set-cookie"))
    await draft.empty()
    assert (await browser.open("/registration")).value("login") == ""


@pytest.fixture
async def own_redis(tmp_path: Path) -> AsyncIterator[Redis]:
    """A Redis that a test may break."""
    server = Redis(tmp_path / "redis")
    await server.start()
    yield server
    await server.stop()


async def test_redis_gone_harms_nobody(cabinet: Cabinet, own_redis: Redis, keys: Path) -> None:
    """Whoever was signed in is told that it does not work now, and signs in again when Redis is back, empty."""
    await cabinet.identity.registered()
    async with another_portal(cabinet, keys, f"{own_redis.url}/1", redis_timeout_seconds=0.5) as browser:
        assert (await sign_in(browser)).path == "/accounts"
        await own_redis.stop()
        away = await browser.open("/settings/language")
        login = await browser.open("/login")
        ready = await browser.http.get("/readyz")
        tried = await browser.press(login, "Войти", login="petrova", password=PASSWORD)
        asked = await browser.press(await browser.open("/recovery"), "Прислать письмо", login_or_email="petrova")
        typed = {"topic": "login", "message": "Не работает", "reply_to": "petrova@mail.ru"}
        written = await browser.press(await browser.open("/feedback"), "Отправить", **typed)
        await own_redis.start()
        async with RedisClient.from_url(own_redis.url) as client:
            await client.flushall()

        back = await browser.open("/settings/language")
        again = await browser.press(back, "Войти", login="petrova", password=PASSWORD)

    assert (away.status, away.heading) == (503, "Кабинет пока не отвечает")
    assert (login.status, ready.status_code) == (200, 503)
    assert (tried.status, tried.value("login")) == (503, "petrova")
    assert (asked.heading, written.heading) == ("Проверьте почту", "Спасибо, ваше письмо у нас")
    assert (back.path, again.path) == ("/login", "/settings/language")
