"""Pages of somebody signed in: accounts and settings."""

from uuid import uuid4

from deploy.embedded.person import NEW_PASSWORD, PASSWORD
from tests.browser.states import Reach, State, opened, sent
from tests.browser.town import fresh_phone
from tests.browser.visitor import Visitor


def followed(*ends: str) -> Reach:
    """From the accounts by the first links whose addresses end so."""

    async def reach(visitor: Visitor) -> None:
        await visitor.open("/accounts")
        for end in ends:
            await visitor.follow(end)

    return reach


def changed(path: str, button: str = "", **typed: str) -> Reach:
    """The form of a page that has several buttons, sent by one of them."""

    async def reach(visitor: Visitor) -> None:
        await visitor.open(path)
        await visitor.send(path, button, **typed)

    return reach


async def tried_again(visitor: Visitor) -> None:
    await visitor.open("/accounts")
    async with visitor.page.expect_navigation():
        await visitor.page.locator("a[href*='again=']").click()


async def name_too_long(visitor: Visitor) -> None:
    await followed("/alias")(visitor)
    await visitor.send("/alias", alias="я" * 41)


async def code_sent(visitor: Visitor) -> None:
    await visitor.open("/settings/phone")
    await visitor.type("/settings/phone", phone=fresh_phone(), current_password=PASSWORD)
    await visitor.button("/settings/phone", "send_code").click()
    await visitor.page.locator("[data-countdown-button]").wait_for(state="attached")
    await visitor.page.wait_for_load_state()


async def language_changed(visitor: Visitor) -> None:
    """To the one that the page has already: it stays the other's."""
    await visitor.open("/settings/language")
    await visitor.send("/settings/language", language=visitor.locale)


HOLDERS = "/accounts/{ref}/holders"
INSIDE = (
    State("/accounts", "nothing-yet", opened("/accounts"), who="newcomer"),
    State("/accounts", "list", opened("/accounts"), who="resident"),
    State("/accounts", "address-not-confirmed", opened("/accounts"), who="migrant"),
    State(
        "/accounts",
        "by-the-address-of-a-card",
        opened(f"/accounts/requests/{uuid4()}"),
        who="newcomer",
        via=("/accounts/requests/{request_id:uuid}",),
    ),
    State("/accounts/new", "fresh", opened("/accounts/new"), who="resident"),
    State("/accounts/new", "empty", sent("/accounts/new"), 422, "resident"),
    State("/accounts/new", "no-kopecks", sent("/accounts/new", account_number="12a", amount="12"), 422, "resident"),
    State("/accounts/new", "again", tried_again, who="resident"),
    State("/accounts/{ref}/alias", "fresh", followed("/alias"), who="resident"),
    State("/accounts/{ref}/alias", "too-long", name_too_long, 422, "resident"),
    State("/accounts/{ref}/removal", "fresh", followed("/removal"), who="resident"),
    State(HOLDERS, "fresh", followed("/holders"), who="resident"),
    State(f"{HOLDERS}/{{link_id:uuid}}/removal", "fresh", followed("/holders", "/removal"), who="neighbour"),
    State("/login/password", "fresh", opened("/login/password"), who="migrant"),
    State("/login/password", "empty", sent("/login/password"), 422, "migrant"),
    State("/settings", "fresh", opened("/settings"), who="resident"),
    State("/settings", "address-not-confirmed", opened("/settings"), who="migrant"),
    State("/settings", "saved", language_changed, who="newcomer"),
    State("/settings/email", "fresh", opened("/settings/email"), who="resident"),
    State("/settings/email", "empty", sent("/settings/email"), 422, "resident"),
    State("/settings/email", "waiting", opened("/settings/email"), who="mover"),
    State("/settings/phone", "fresh", opened("/settings/phone"), who="resident"),
    State("/settings/phone", "empty", changed("/settings/phone", "change"), 422, "resident"),
    State("/settings/phone", "code-sent", code_sent, who="mover"),
    State("/settings/password", "fresh", opened("/settings/password"), who="resident"),
    State("/settings/password", "empty", sent("/settings/password"), 422, "resident"),
    State(
        "/settings/password",
        "wrong",
        sent(
            "/settings/password",
            current_password=NEW_PASSWORD,
            password=NEW_PASSWORD,
            password_confirmation=NEW_PASSWORD,
        ),
        422,
        "neighbour",
    ),
    State("/settings/old-login", "fresh", opened("/settings/old-login"), who="resident"),
    State("/settings/old-login", "empty", sent("/settings/old-login"), 422, "resident"),
    State("/settings/language", "fresh", opened("/settings/language"), who="resident"),
    State("/settings/devices", "fresh", opened("/settings/devices"), who="resident"),
    State("/settings/notifications", "fresh", opened("/settings/notifications"), who="resident"),
    State("/settings/data", "fresh", opened("/settings/data"), who="resident"),
    State("/settings/deletion", "fresh", opened("/settings/deletion"), who="resident"),
    State("/settings/deletion", "empty", sent("/settings/deletion"), 422, "resident"),
    State("/feedback", "signed-in", opened("/feedback"), who="resident"),
)
