"""The portal's start page and health."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from portal.pages import routes
from portal.settings import PortalSettings
from shared.http import create_app


@pytest.fixture
async def client(keys: Path) -> AsyncIterator[httpx2.AsyncClient]:
    settings = PortalSettings(
        redis_url="redis://127.0.0.1:1/0",
        public_keys_file=keys / "public.jwks.json",
        private_keys_file=keys / "portal.private.jwks.json",
    )

    async def redis_is_away() -> None:
        raise ConnectionError

    app = create_app(settings, "portal", [routes], needed={"redis": redis_is_away})
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://kabinet.test") as client:
        yield client


@pytest.mark.parametrize(("language", "title"), [("ru", "Кабинет"), ("en-GB,en;q=0.9", "Kabinet"), ("", "Кабинет")])
async def test_start_page_speaks_the_readers_language(client: httpx2.AsyncClient, language: str, title: str) -> None:
    page = await client.get("/", headers={"Accept-Language": language})

    assert page.status_code == 200
    assert f"<h1>{title}</h1>" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/c/some-token", "/accounts", "/nothing/at/all"])
async def test_page_that_is_not_there_yet_says_so_to_a_person(client: httpx2.AsyncClient, path: str) -> None:
    page = await client.get(path)

    assert (page.status_code, "Этой страницы пока нет" in page.text, "some-token" in page.text) == (404, True, False)


async def test_portal_without_redis_is_alive_and_not_ready(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/livez")).status_code == 200
    ready = await client.get("/readyz")
    assert (ready.status_code, list(ready.json()["missing"])) == (503, ["redis"])
