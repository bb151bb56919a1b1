"""Pages for anybody: signing in, registration, letters, recovery, feedback."""

from deploy.embedded.person import NEW_PASSWORD, PASSWORD, Person
from tests.browser.states import State, after, opened, sent
from tests.browser.town import fresh_login, fresh_phone
from tests.browser.visitor import Visitor

NO_LETTERS_TOKEN = "x" * 43
GUESSED = "ivanova-guessed"


async def signed_out(visitor: Visitor) -> None:
    await visitor.sign_in("newcomer")
    async with visitor.page.expect_navigation():
        await visitor.page.locator("form[action='/session/end'] button").click()


async def guessed_too_often(visitor: Visitor) -> None:
    await visitor.open("/login")
    for _guess in range(11):
        await visitor.send("/login", login=GUESSED, password=NEW_PASSWORD)
        if visitor.status == 429:
            return


async def old_login(visitor: Visitor) -> None:
    old = visitor.town.sample.old_login_without_email
    await visitor.open("/login")
    await visitor.send("/login", login=old.login, password=old.password)


async def old_login_without_an_address(visitor: Visitor) -> None:
    await old_login(visitor)
    await visitor.send("/login/email")


async def not_confirmed(visitor: Visitor) -> None:
    await visitor.open("/login")
    await visitor.send("/login", login=visitor.town.people["unconfirmed"].login, password=PASSWORD)


async def letter_asked_too_soon(visitor: Visitor) -> None:
    await not_confirmed(visitor)
    await visitor.send("/login/confirmation")
    if visitor.status == 200:
        await visitor.send("/login/confirmation")


async def code_sent(visitor: Visitor, *, open_first: bool = True) -> Person:
    """Everything typed, and an SMS on its way; with scripts the page stays, and only its part is another."""
    town = visitor.town
    person = Person(kabinet=town.kabinet, http=town.http, login=fresh_login(), phone=fresh_phone())
    person.email = f"{person.login}@example.org"
    visitor.own_words = frozenset({"person", "person-"})
    if open_first:
        await visitor.open("/registration")
    passwords = {"password": PASSWORD, "password_confirmation": PASSWORD}
    await visitor.type("/registration", login=person.login, email=person.email, phone=person.phone, **passwords)
    await visitor.button("/registration", "send_code").click()
    await visitor.page.locator("[data-countdown-button]").wait_for(state="attached")
    await visitor.page.wait_for_load_state()
    return person


async def code_is_out(visitor: Visitor) -> None:
    await code_sent(visitor)


async def no_phone(visitor: Visitor) -> None:
    await visitor.open("/registration")
    await visitor.button("/registration", "send_code").click()
    await visitor.page.locator(".govuk-error-summary").wait_for()


async def wrong_code(visitor: Visitor) -> None:
    person = await code_sent(visitor)
    right = await person.code_from_sms(person.phone)
    await visitor.send("/registration", "register", code=f"{(int(right) + 1) % 100_000:05d}")


async def taken_login(visitor: Visitor) -> None:
    """The code was right and is spent, the password is kept: only the login is asked for again."""
    person = await code_sent(visitor)
    code = await person.code_from_sms(person.phone)
    await visitor.send("/registration", "register", code=code, login="petrova")


async def registered(visitor: Visitor) -> None:
    person = await code_sent(visitor)
    await visitor.send("/registration", "register", code=await person.code_from_sms(person.phone))


async def letter_sent(visitor: Visitor) -> None:
    await visitor.open("/feedback")
    await visitor.send("/feedback", topic="login", message="…", reply_to="petrova@example.org")


OUTSIDE = (
    State("/login", "fresh", opened("/"), via=("/",)),
    State("/login", "empty", sent("/login"), 422),
    State("/login", "wrong", sent("/login", login="petrova", password=NEW_PASSWORD), 422),
    State("/login", "signed-out", signed_out),
    State("/login", "guessed-too-often", guessed_too_often, 429),
    State("/login/email", "fresh", old_login),
    State("/login/email", "empty", old_login_without_an_address, 422),
    State("/login/confirmation", "fresh", not_confirmed),
    State("/login/confirmation", "too-soon", letter_asked_too_soon, 429),
    State("/registration", "fresh", opened("/registration")),
    State("/registration", "empty", sent("/registration", "register"), 422),
    State("/registration", "no-phone", no_phone, 422),
    State("/registration", "code-sent", code_is_out),
    State("/registration", "wrong-code", wrong_code, 422),
    State("/registration", "taken-login", taken_login, 422),
    State("/registration/letter", "fresh", registered),
    State("/email-confirmation", "fresh", opened(f"/c/{NO_LETTERS_TOKEN}"), via=("/c/{token}",)),
    State("/email-confirmation", "dead", opened("/email-confirmation"), 410),
    State("/email-confirmation", "spent", after(f"/c/{NO_LETTERS_TOKEN}", "/email-confirmation"), 410),
    State("/email-reversal", "fresh", opened(f"/v/{NO_LETTERS_TOKEN}"), via=("/v/{token}",)),
    State("/email-reversal", "dead", after(f"/v/{NO_LETTERS_TOKEN}", "/email-reversal"), 410),
    State("/recovery", "fresh", opened("/recovery")),
    State("/recovery", "empty", sent("/recovery"), 422),
    State("/recovery", "asked", sent("/recovery", login_or_email="nobody@example.org")),
    State("/password-reset", "fresh", opened(f"/r/{NO_LETTERS_TOKEN}"), via=("/r/{token}",)),
    State("/password-reset", "empty", after(f"/r/{NO_LETTERS_TOKEN}", "/password-reset"), 422),
    State("/password-reset", "dead", opened("/password-reset"), 410),
    State("/feedback", "fresh", opened("/feedback")),
    State("/feedback", "empty", sent("/feedback"), 422),
    State("/feedback/receipt", "fresh", letter_sent),
    State("/personal-data", "fresh", opened("/personal-data")),
    State("/accessibility", "fresh", opened("/accessibility")),
    State("/farewell", "fresh", opened("/farewell")),
    State("/{rest:path}", "fresh", opened("/no-such-page"), 404),
)
