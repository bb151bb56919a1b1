"""What comes late: the SMS, the person, the event; and what comes twice."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from notifier.main import service as notifier_service
from shared.contracts.verification import CodeRequested
from tests.kit import Running, eventually, problem
from tests.verification.asking import ask, asked, check, let_pass, secrets, send_again, sent_code
from tests.verification.conftest import Open


async def test_code_ends_by_itself(open_verification: Open) -> None:
    verification = await open_verification(code_lifetime_seconds=1)
    code_id, code = await asked(verification)

    async def ended() -> bool:
        return (await check(verification, code_id, "0")).status_code == 410

    assert await eventually(ended)
    assert problem(await check(verification, code_id, code))["code"] == "code-not-valid"


async def test_sms_that_comes_after_its_repetition_has_the_same_code(verification: Running) -> None:
    code_id, first = await asked(verification)
    await let_pass(verification, 61)
    await send_again(verification, code_id)

    assert await sent_code(verification) == first
    assert (await check(verification, code_id, first)).status_code == 200


async def test_late_sms_of_an_earlier_code_is_still_good_for_that_code(verification: Running) -> None:
    early_id, early = await asked(verification)
    await let_pass(verification, 61)
    later_id, later = await asked(verification)

    assert (await check(verification, later_id, later)).status_code == 200
    assert (await check(verification, early_id, early)).status_code == 200


async def test_code_that_ends_too_soon_for_an_sms_is_not_sent_again_nor_paid_for(open_verification: Open) -> None:
    """The notifier hands nothing over within 30 s of the end."""
    verification = await open_verification(code_lifetime_seconds=40)
    code_id, code = await asked(verification)
    await let_pass(verification, 61)

    answer = await send_again(verification, code_id)

    assert problem(answer)["code"] == "code-not-valid"
    assert len(await verification.said(CodeRequested)) == 1
    assert (await check(verification, code_id, code)).status_code == 200


async def test_code_without_checks_left_is_not_sent_again(open_verification: Open) -> None:
    verification = await open_verification(code_checks=1)
    code_id, _ = await asked(verification)
    await check(verification, code_id, "0")
    await let_pass(verification, 61)

    assert problem(await send_again(verification, code_id))["code"] == "code-not-valid"
    assert len(await verification.said(CodeRequested)) == 1


async def test_event_that_comes_twice_is_one_sms_and_a_resend_is_another(
    verification: Running, open_service: Callable[..., Awaitable[Running]]
) -> None:
    """As after `outbox resend`, or a relay that died before it marked what it had sent."""
    notifier = await open_service(
        notifier_service,
        smtp_host="127.0.0.1",
        smtp_port=1,
        smtp_security="none",
        mail_from="kabinet@energosbyt.example",
        support_address="support@energosbyt.example",
        sms_url="http://127.0.0.1:1/messages",
        sms_token="token",
        sms_sender="Energosbyt",
        portal_origin="https://lk.example.ru",
    )
    code_id, _ = await asked(verification)
    await let_pass(verification, 61)
    await send_again(verification, code_id)
    told = [(event, secrets(verification, event)) for event in await verification.said(CodeRequested)]

    await notifier.hears(*told)
    await notifier.hears(*reversed(told))

    assert await notifier.rows("SELECT count(*), count(DISTINCT event_id) FROM notifications") == [(2, 2)]


async def test_sms_says_of_its_end_what_the_answer_said(verification: Running) -> None:
    """What the notifier goes by when it drops an SMS that is too late."""
    answer = (await ask(verification)).json()

    [event] = await verification.said(CodeRequested)
    assert event.expires_at == datetime.fromisoformat(answer["expires_at"])
    left = await verification.wired.live._redis.pexpiretime(f"code:{answer['id']}")
    assert left == round(event.expires_at.timestamp() * 1000)
