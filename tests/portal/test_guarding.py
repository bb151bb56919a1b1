"""What every page keeps: where forms come from, what answers carry, whom the services see."""

import json
import re
import time
from pathlib import Path
from uuid import UUID

import httpx2
import pytest

from portal.pages import ROUTERS
from portal.web.routes import PageRoute
from tests.portal.browsing import PHONE, Browser
from tests.portal.conftest import PUBLIC_URL, Cabinet, opened_portal, sign_in

OWN = {"Sec-Fetch-Site": "same-origin"}
PAGES = [
    *("/login", "/registration", "/recovery", "/feedback", "/personal-data", "/accessibility", "/farewell"),
    *("/email-confirmation", "/no/such/page"),
]


STRANGERS: list[dict[str, str]] = [
    {},
    {"Origin": "null"},
    {"Origin": "https://evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "https://lk.example.ru"},
    {"Sec-Fetch-Site": "none"},
]


def filled(path: str) -> str:
    """A path that the route takes."""
    return re.sub(r"{[^}]+}", "x", re.sub(r"{\w+:uuid}", str(UUID(int=7)), path))


def page_routes() -> list[PageRoute]:
    return [route for router in ROUTERS for route in router.routes if isinstance(route, PageRoute)]


POSTS = sorted({filled(route.path) for route in page_routes() if "POST" in (route.methods or ())})


async def test_form_of_another_site_is_refused(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    seen = [len(line.seen) for line in cabinet.lines.values()]

    assert {"/login", "/accounts/new", "/settings/deletion"} < set(POSTS)
    for path in POSTS:
        for headers in STRANGERS:
            answer = await browser.http.post(path, data={"login": "petrova"}, headers=headers)
            assert answer.status_code == 403, (path, headers)

    assert [len(line.seen) for line in cabinet.lines.values()] == seen


async def test_what_is_somebodys_own_is_shown_after_the_sign_in_alone(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()
    page = await browser.open("/login")
    _address, fields = page.form("Войти")
    own = [route for route in page_routes() if route.path.startswith(("/accounts", "/settings", "/login/password"))]

    for route in own:
        for method in route.methods or ():
            path = filled(route.path)
            answer = await browser.http.request(method, path, data=fields, headers=OWN)
            assert (answer.status_code, answer.headers.get("location")) == (303, "/login"), (method, path)

    assert own
    assert [len(line.seen) for line in cabinet.lines.values()] == [0, 0, 0, 0]


async def test_origin_serves_browsers_that_tell_no_more(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()
    page = await browser.open("/login")
    address, fields = page.form("Войти")

    answer = await browser.http.post(address, data=fields, headers={"Origin": "https://lk.example.ru"})

    assert answer.status_code == 422


async def test_form_of_an_older_session_is_shown_again_with_what_was_typed(cabinet: Cabinet) -> None:
    await cabinet.identity.registered()
    browser = await cabinet.browser()
    page = await browser.open("/feedback")
    await sign_in(browser)

    page = await browser.press(page, "Отправить", topic="login", message="Помогите", reply_to="petrova@mail.ru")
    assert (page.status, page.value("message")) == (403, "Помогите")
    assert page.notices == ["Страница была открыта слишком долго. Нажмите кнопку ещё раз"]
    assert not cabinet.lines["notifier"].calls("POST", "/v1/feedback")
    page = await browser.press(page, "Отправить")

    assert page.path == "/feedback/receipt"


async def test_button_of_an_older_session_does_nothing(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()
    page = await browser.open("/settings/language")
    await sign_in(await cabinet.browser())
    browser.http.cookies.delete("__Host-kabinet")
    await sign_in(browser)

    page = await browser.press(page, "Выйти")

    assert page.path == "/settings/language"
    assert page.notices == ["Страница была открыта слишком долго. Нажмите кнопку ещё раз"]


async def test_every_page_carries_its_guards(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()

    for path in PAGES:
        headers = (await browser.open(path)).answer.headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["strict-transport-security"] == "max-age=31536000"
        assert headers["vary"] == "Cookie, Accept-Language"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"


async def test_no_page_holds_what_the_policy_bars_or_comes_from_elsewhere(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()

    for path in PAGES:
        page = await browser.open(path)
        tags = page.root.all()
        assert not [tag for tag in tags if any(name == "style" or name.startswith("on") for name in tag.attributes)]
        sources = [script.attributes.get("src", "") for script in page.root.all("script")]
        assert all(source.startswith("/static/") for source in sources), path
        links = [tag.attributes.get("href", tag.attributes.get("src", "")) for tag in tags]
        assert not [link for link in links if "//" in link], path
        assert len(page.root.all("h1")) == 1, path


async def test_no_english_word_stands_in_a_russian_page(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()

    for path in PAGES:
        page = await browser.open(path)
        words = {word.strip("«».,:;()?!") for word in page.text.split()}
        english = {word for word in words if word.isascii() and word.isalpha() and len(word) > 2}
        assert english <= {"English", "SMS", "mail", "WCAG", "cookie"}, path


async def test_no_russian_word_stands_in_an_english_page(cabinet: Cabinet) -> None:
    browser = await cabinet.browser("en")

    for path in PAGES:
        page = await browser.open(path)
        russian = set(re.findall(r"[А-Яа-яЁё]+", page.text))
        assert russian <= {"Русский"}, path


async def test_service_that_hangs_is_not_waited_for_beyond_the_pages_time(
    cabinet: Cabinet, keys: Path, redis_url: str
) -> None:
    cabinet.lines["identity"].hangs = True
    async with (
        opened_portal(keys, f"{redis_url}/1", cabinet.lines, page_seconds=0.3) as (_wired, transport),
        httpx2.AsyncClient(transport=transport, base_url=PUBLIC_URL) as http,
    ):
        began = time.monotonic()
        page = await sign_in(Browser(http))

    assert (page.status, page.value("login")) == (503, "petrova")
    assert time.monotonic() - began < 3


async def test_cookies_are_the_hosts_alone(cabinet: Cabinet) -> None:
    answer = await (await cabinet.browser()).http.get("/login")

    [cookie] = answer.headers.get_list("set-cookie")
    assert re.fullmatch(r"__Host-kabinet=p\.[\w-]{43}; HttpOnly; Path=/; SameSite=lax; Secure", cookie)


async def test_plain_http_of_this_machine_has_cookies_that_every_browser_keeps_there(
    cabinet: Cabinet, keys: Path, redis_url: str
) -> None:
    here = "http://127.0.0.1:8080"
    async with (
        opened_portal(keys, f"{redis_url}/1", cabinet.lines, public_url=here) as (_wired, transport),
        httpx2.AsyncClient(transport=transport, base_url=here) as http,
    ):
        answer = await http.get("/login")

    [cookie] = answer.headers.get_list("set-cookie")
    assert re.fullmatch(r"kabinet=p\.[\w-]{43}; HttpOnly; Path=/; SameSite=lax", cookie)
    assert "strict-transport-security" not in answer.headers


async def test_limits_count_the_person_and_not_the_portal(cabinet: Cabinet) -> None:
    browser = await cabinet.browser("en", address="198.51.100.9")

    await sign_in(browser)

    [request] = cabinet.lines["identity"].calls("POST", "/v1/sessions")
    assert request.headers["x-forwarded-for"] == "198.51.100.9"
    assert (request.headers["user-agent"], request.headers["accept-language"]) == (PHONE, "en")


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
        (b"a=%00", "application/x-www-form-urlencoded", 400),
        (b"a=%ff", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=1" for _ in range(60)), "application/x-www-form-urlencoded", 400),
    ],
)
async def test_what_is_no_form_is_refused_by_a_page(cabinet: Cabinet, content: bytes, kind: str, status: int) -> None:
    browser = await cabinet.browser()

    answer = await browser.http.post("/login", content=content, headers={"Content-Type": kind, **OWN})

    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")


async def test_method_that_a_page_does_not_take_is_refused_by_a_page(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()

    answer = await browser.http.request("DELETE", "/login")

    assert (answer.status_code, answer.headers["content-type"]) == (405, "text/html; charset=utf-8")
    assert "content-security-policy" in answer.headers


async def test_language_changes_on_the_page_where_its_button_was_pressed(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()

    page = await browser.press(await browser.open("/recovery"), "English", language="en")

    assert (page.path, page.heading) == ("/recovery", "Forgot your password?")
    assert (await browser.open("/login")).heading == "Sign in to Kabinet"


async def test_language_of_somebody_signed_in_changes_for_letters_too(cabinet: Cabinet) -> None:
    browser = await cabinet.signed_in()

    await browser.press(await browser.open("/settings/language"), "English", language="en")

    [request] = cabinet.lines["identity"].calls("PATCH", "/v1/me")
    assert json.loads(request.content) == {"locale": "en"}


async def test_only_pages_of_this_house_are_led_back_to(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()
    page = await browser.open("/login")
    _address, fields = page.form("English")

    for referer in ("https://evil.example/", "https://lk.example.ru//evil.example", "/no/such/page", "javascript:x"):
        answer = await browser.http.post("/language", data=fields, headers={**OWN, "Referer": referer})
        assert answer.headers["location"] == "/"


async def test_static_files_never_change_under_their_address(cabinet: Cabinet) -> None:
    browser = await cabinet.browser()
    page = await browser.open("/login")
    [style] = [
        link.attributes["href"] for link in page.root.all("link") if link.attributes["href"].endswith("kabinet.css")
    ]

    found = await browser.http.get(style)
    other = await browser.http.get(style.replace(cabinet.wired.assets.version, "0" * 16))
    missing = await browser.http.get("/static/x/../settings.py")

    assert found.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert (found.headers["content-encoding"], b"--kb-paper" in found.content) == ("gzip", True)
    assert other.headers["cache-control"] == "no-cache"
    assert missing.status_code == 404


def test_library_brings_no_typeface_and_no_crest(cabinet: Cabinet) -> None:
    content = cabinet.wired.assets.files["govuk/govuk-frontend.min.css"].content

    assert [word for word in (b"@font-face", b"GDS", b"crest", b"url(") if word in content] == []


async def test_page_weighs_at_most_60_kilobytes(cabinet: Cabinet) -> None:
    zipped = sum(len(asset.zipped) for asset in cabinet.wired.assets.files.values())
    page = await (await cabinet.browser()).open("/registration")

    assert zipped + len(page.answer.content) / 4 < 60_000
