"""A customer's whole journey over HTTP, against a running set: each step acts, checks, and says what a person sees."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from deploy.embedded.person import NEW_PASSWORD, PASSWORD, PHONE_BROWSER, Person, same, token_in, until
from deploy.embedded.sample import OldLogin, Sample
from shared.contacts import mask_email, mask_phone


@dataclass(kw_only=True)
class Journey(Person):
    """A person, and the data among which the whole journey runs."""

    sample: Sample


async def get_code(j: Person) -> str:
    j.code_id = await j.ask_code("8 912 345-67-89")
    code = await j.code_from_sms(j.phone)
    body = {"code": code}
    proof = await j.call("POST", "verification", f"/v1/codes/{j.code_id}/check", 200, body)
    j.phone_proof = proof.json()["phone_proof"]
    return f"SMS to {mask_phone(j.phone)}: a code of {len(code)} digits; it was right"


async def register(j: Person) -> str:
    form = {"login": j.login, "password": PASSWORD, "password_confirmation": PASSWORD}
    form |= {"email": j.email, "phone": "8 912 345-67-89", "phone_proof": j.phone_proof}
    answer = await j.call("POST", "identity", "/v1/registrations", 201, form)
    return f"login {j.login}; a letter goes to {answer.json()['email']}"


async def login_waits_for_confirmation(j: Person) -> str:
    refused = await j.sign_in(j.login, PASSWORD, 403)
    same(refused["code"], "email-not-confirmed", "the refusal")
    return str(refused["detail"])


async def confirm_email(j: Person) -> str:
    letter = await j.message(j.email, "email", "/c/")
    body = {"token": token_in(letter, "c")}
    await j.call("POST", "identity", "/v1/email-confirmations", 200, body)
    return f"letter “{letter['subject']}”: the button was pressed"


async def login(j: Person) -> str:
    j.tokens = await j.sign_in(j.login, PASSWORD)
    me = await j.call("GET", "identity", "/v1/me", 200, token=j.tokens["access_token"])
    return f"{me.json()['login']}, {mask_email(me.json()['email'])}, {mask_phone(me.json()['phone'])}"


async def wrong_amount(j: Journey) -> str:
    seen, _seconds = await j.link(j.sample.wrong)
    same((seen["status"], seen["refusal"]), ("refused", "not-confirmed"), "the request")
    return f"account {seen['account_number']}: not confirmed"


async def right_amount(j: Journey) -> str:
    seen, seconds = await j.link(j.sample.links)
    same(seen["status"], "linked", "the request")
    return f"account {seen['account_number']} is linked; one waiting call saw it after {seconds:.2f} s"


async def comma_amount(j: Journey) -> str:
    payment = j.sample.links_with_comma
    same("," in payment.amount, True, "the sample's comma")
    seen, _seconds = await j.link(payment)
    same(seen["status"], "linked", "the request")
    same(len(await j.accounts()), 2, "accounts")
    return f"account {seen['account_number']} by {payment.amount}; two accounts in the list"


async def rename(j: Journey) -> str:
    path = f"/v1/accounts/{j.sample.links_with_comma.account_number}"
    await j.call("PATCH", "billing-link", path, 200, {"alias": "Дача"}, j.tokens["access_token"])
    [named] = [one for one in await j.accounts() if one["alias"] == "Дача"]
    return f"account {named['account_number']} is called {named['alias']}, {named['address']}"


async def log_out(j: Journey) -> str:
    token = j.tokens["access_token"]
    await j.call("DELETE", "identity", "/v1/sessions/current", 204, token=token)
    await j.call("GET", "identity", "/v1/me", 401, token=token)
    began = time.monotonic()

    async def refused() -> bool | None:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await j.http.get(f"{j.kabinet.urls['billing-link']}/v1/accounts", headers=headers)
        return answer.status_code == 401 or None

    await until(refused, "the session's end in billing-link")
    return f"the session is refused at once here, in the other services after {time.monotonic() - began:.2f} s"


async def recover(j: Journey) -> str:
    body: dict[str, str] = {"login_or_email": j.email}
    await j.call("POST", "identity", "/v1/password-recoveries", 202, body)
    letter = await j.message(j.email, "email", "/r/")
    body = {"token": token_in(letter, "r"), "password": NEW_PASSWORD, "password_confirmation": NEW_PASSWORD}
    await j.call("POST", "identity", "/v1/password-resets", 204, body)
    await j.sign_in(j.login, PASSWORD, 401)
    j.tokens = await j.sign_in(j.login, NEW_PASSWORD)
    return f"letter “{letter['subject']}”: a new password is set, the old one is dead"


async def devices(j: Journey) -> str:
    """A second device: its owner is told, sees it in the list, and signs it out from the first."""
    second = await j.sign_in(j.login, NEW_PASSWORD, browser=PHONE_BROWSER)
    letter = await j.message(j.email, "email", "Firefox")
    here = j.tokens["access_token"]
    listed = (await j.call("GET", "identity", "/v1/sessions", 200, token=here)).json()["items"]
    same([one["current"] for one in listed], [False, True], "the sessions, the newest first")
    await j.call("DELETE", "identity", f"/v1/sessions/{second['session_id']}", 204, token=here)
    await j.call("GET", "identity", "/v1/me", 401, token=second["access_token"])
    await j.call("POST", "identity", "/v1/sessions/refresh", 401, {"refresh_token": second["refresh_token"]})
    return f"letter “{letter['subject']}”; two devices in the list, the other one is signed out at once"


async def old_login(j: Journey) -> str:
    old = j.sample.old_login_with_email
    j.tokens = await j.sign_in(old.login, old.password)

    async def linked() -> list[dict[str, Any]] | None:
        return await j.accounts() or None

    [account] = await until(linked, "the old login's account")
    same((account["account_number"], account["origin"]), (old.login, "migrated"), "the account")
    return f"{old.login} came in with the old password; account {account['account_number']} is there"


async def old_login_without_email(j: Journey) -> str:
    old: OldLogin = j.sample.old_login_without_email
    asked = await j.sign_in(old.login, old.password, 403)
    same(asked["code"], "email-required", "the next step")
    body = {"ticket": asked["ticket"], "email": "semenov@example.org"}
    answer = await j.call("POST", "identity", "/v1/legacy-sessions", 201, body)
    j.tokens = answer.json()
    letter = await j.message("semenov@example.org", "email", "/c/")
    return f"{old.login} was asked for an address, is in, and has the letter “{letter['subject']}”"


async def feedback(j: Journey) -> str:
    body = {"name": "Анна Петрова", "reply_to": j.email, "topic": "login", "message": "Не приходит письмо, помогите."}
    answer = await j.call("POST", "notifier", "/v1/feedback", 202, body)
    reference = answer.json()["reference"]
    letter = await j.message(j.kabinet.env["NOTIFIER_SUPPORT_ADDRESS"], "email", reference)
    same(j.email in letter["reply_to"], True, "Reply-To")
    receipt = await j.message(j.email, "email", reference)
    same("помогите" in receipt["text"], False, "the sender's words in the receipt")
    return f"{reference} reached support, who can answer to {mask_email(j.email)}; the sender has a receipt"


async def broker_pause(j: Journey) -> str:
    phone = "+79123450000"
    await j.kabinet.pause_kafka()
    try:
        await j.sign_in(j.login, NEW_PASSWORD)
        await j.ask_code(phone)
        ready = await j.call("GET", "verification", "/readyz", 200)
        same(ready.json()["status"], "degraded", "readiness without a broker")
    finally:
        await j.kabinet.resume_kafka()
    began = time.monotonic()
    await j.code_from_sms(phone)
    return f"sign-in worked meanwhile; the code came {time.monotonic() - began:.1f} s after the broker was back"


Step = Callable[[Journey], Awaitable[str]]
STEPS: tuple[tuple[str, Step], ...] = (
    ("Code by SMS", get_code),
    ("Registration", register),
    ("Login before confirmation", login_waits_for_confirmation),
    ("Confirmation by letter", confirm_email),
    ("Login", login),
    ("Wrong amount", wrong_amount),
    ("Right amount", right_amount),
    ("Second account, comma", comma_amount),
    ("Rename", rename),
    ("Logout", log_out),
    ("Recovery by letter", recover),
    ("Devices", devices),
    ("Old portal's login", old_login),
    ("Old login without e-mail", old_login_without_email),
    ("Feedback", feedback),
    ("Broker stopped and back", broker_pause),
)
