"""What people do: they come as strangers, register, come back, ask for accounts, forget passwords, write to support."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.chaos.people import TOKEN_SECONDS, People, Person

PASSWORD = "синий трамвай едет в депо"


async def ask_code(people: People, person: Person) -> str | None:
    """A code by SMS; its id."""
    act = person.act("code")
    body = {"phone": person.phone, "purpose": "registration"}
    people.expect(f"sms {person.phone}", f"{act} sms")
    answer = await people.call(person, act, ("event", "sms"), "verification", "/v1/codes", body, keyed=True)
    code_id = str(answer.json()["id"]) if answer else None
    people.expect(f"code_requested {code_id}" if code_id else "untold code_requested", f"{act} event")
    return code_id


async def ask_again(people: People, person: Person, code_id: str) -> None:
    """The same code once more."""
    act = person.act("again")
    people.expect(f"sms {person.phone}", f"{act} sms")
    people.expect(f"code_requested {code_id}", f"{act} event")
    await people.call(person, act, ("event", "sms"), "verification", f"/v1/codes/{code_id}/sends", {})


async def newcomer(people: People) -> None:
    """From the first code to the first sign-in; whoever gets there stays as one who comes back."""
    person = Person()
    code_id = await ask_code(people, person)
    if code_id is None or (code := await people.message(person.phone, "sms", r"#(\d+)")) is None:
        return
    if person.number % 5 == 0:
        await asyncio.sleep(1.1)
        await ask_again(people, person, code_id)
    act = person.act("check")
    people.expect(f"phone_verified {code_id}", f"{act} event")
    path = f"/v1/codes/{code_id}/check"
    checked = await people.call(person, act, ("event",), "verification", path, {"code": code}, once=True)
    if checked is not None and checked.status_code == 200 and await register(people, person, checked.json()):
        people.idle.append(person)


async def register(people: People, person: Person, proof: dict[str, str]) -> bool:
    act = person.act("register")
    form = {"login": person.login, "password": PASSWORD, "password_confirmation": PASSWORD}
    form |= {"email": person.email, "phone": person.phone, "phone_proof": proof["phone_proof"]}
    answer = await people.call(person, act, ("event",), "identity", "/v1/registrations", form, keyed=True)
    person.user_id = str(answer.json()["id"]) if answer else ""
    subject = f"email_confirmation_requested {person.user_id}" if answer else "untold email_confirmation_requested"
    people.expect(subject, f"{act} event")
    if answer is None or (token := await people.message(person.email, "email", r"/c/([\w-]+)")) is None:
        return False
    act = person.act("confirm")
    people.expect(f"user_registered {person.user_id}", f"{act} event")
    path = "/v1/email-confirmations"
    if await people.call(person, act, ("event",), "identity", path, {"token": token}, once=True) is None:
        return False
    return await sign_in(people, person)


async def sign_in(people: People, person: Person) -> bool:
    """Tried anew a few times where nothing was told: each try may have made a session."""
    for _ in range(5):
        act = person.act("sign-in")
        people.expect(f"session_started {person.user_id}", f"{act} event")
        body = {"login": person.login, "password": PASSWORD}
        if answer := await people.call(person, act, ("event",), "identity", "/v1/sessions", body):
            person.token, person.token_from = answer.json()["access_token"], time.monotonic()
            return True
        await asyncio.sleep(random.uniform(0.5, 1.0))
    return False


async def ask_link(people: People, person: Person, right: bool) -> None:
    """Ask for an account by the amount that was paid, or by one that is a rouble off."""
    if time.monotonic() - person.token_from > TOKEN_SECONDS and not await sign_in(people, person):
        return
    payment, act = next(people.payments), person.act("link")
    people.truths[payment.account_number] = "linked" if right else "refused"
    effects = ("event", "decision", "row")
    for effect in effects:
        people.expect(f"link {effect} {payment.account_number}", f"{act} {effect}")
    body = {"account_number": payment.account_number, "amount": payment.amount(0 if right else 100)}
    await people.call(person, act, effects, "billing-link", "/v1/link-requests", body, keyed=True)


async def recover(people: People, person: Person) -> None:
    """A letter with a link, and a password set by it (the same again)."""
    act = person.act("recovery")
    people.expect(f"password_recovery_requested {person.user_id}", f"{act} event")
    seen = len(people.subjects[f"password_recovery_requested {person.user_id}"]) - 1
    body = {"login_or_email": person.login}
    if await people.call(person, act, ("event",), "identity", "/v1/password-recoveries", body, keyed=True) is None:
        return
    token = await people.message(person.email, "email", r"/r/([\w-]+)", after=seen)
    if token is None:
        return
    act = person.act("reset")
    people.expect(f"password_changed {person.user_id}", f"{act} event")
    body = {"token": token, "password": PASSWORD, "password_confirmation": PASSWORD}
    await people.call(person, act, ("event",), "identity", "/v1/password-resets", body, once=True)
    person.token_from = -TOKEN_SECONDS
    await sign_in(people, person)


async def write_to_support(people: People) -> None:
    person = Person()
    act = person.act("feedback")
    people.expect(f"support {act}", f"{act} letter")
    people.expect(f"receipt {person.email}", f"{act} receipt")
    body = {"name": "Анна", "reply_to": person.email, "topic": "other", "message": f"Помогите ({act})"}
    if answer := await people.call(person, act, ("letter", "receipt"), "notifier", "/v1/feedback", body, keyed=True):
        people.references[act] = answer.json()["reference"]


async def come_back(people: People) -> None:
    """What somebody does who has an account here; nobody does two things at once."""
    person = people.idle.pop(random.randrange(len(people.idle)))
    try:
        match random.random():
            case x if x < 0.35:
                await ask_link(people, person, right=True)
            case x if x < 0.6:
                await ask_link(people, person, right=False)
            case x if x < 0.9:
                await sign_in(people, person)
            case _:
                await recover(people, person)
    finally:
        people.idle.append(person)


async def just_a_code(people: People) -> None:
    await ask_code(people, Person())


Act = Callable[[People], Awaitable[None]]
ACTS: tuple[tuple[Act, int], ...] = ((newcomer, 4), (come_back, 10), (just_a_code, 2), (write_to_support, 2))
"""What is done, and how often beside the others."""


@asynccontextmanager
async def coming(people: People, per_second: float, at_once: int = 60) -> AsyncIterator[None]:
    """People come at random, as many a second on average; on leaving nobody new comes, and those inside finish."""
    async with asyncio.TaskGroup() as group:
        arrivals = group.create_task(_arrive(people, per_second, at_once, group))
        try:
            yield
        finally:
            arrivals.cancel()


async def _arrive(people: People, per_second: float, at_once: int, group: asyncio.TaskGroup) -> None:
    inside: set[asyncio.Task[None]] = set()
    acts, weights = zip(*ACTS, strict=True)
    while True:
        await asyncio.sleep(random.expovariate(per_second))
        [act] = random.choices(acts, weights)
        if len(inside) < at_once and (act is not come_back or people.idle):
            inside.add(task := group.create_task(act(people)))
            task.add_done_callback(inside.discard)
