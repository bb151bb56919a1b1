"""A code's life against a small model: whatever is done in whatever order, the service answers as the model."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from shared.contracts.verification import CodeRequested, PhoneVerified
from tests.kit import Running
from tests.verification.asking import ask, check, let_pass, secrets, send_again, wrong
from tests.verification.conftest import Open

T = TypeVar("T")
LIMITS = {"code_checks": 3, "phone_sends_per_day": 4, "phone_wrong_checks_per_day": 5}
WIDE = {"address_sends_per_hour": 100_000, "prefix_sends_per_hour": 100_000, "money_per_hour_roubles": 1_000_000}
MACHINES, STEPS = 12, 20
DAY = 86_400
_numbers = count(9_120_000_000)


@dataclass
class Phone:
    """A phone's day, in the model: how many seconds ago what happened."""

    number: str
    sent: list[int] = field(default_factory=list)
    tried: list[int] = field(default_factory=list)

    def may_send(self) -> bool:
        today = [age for age in self.sent if age < DAY]
        return len(today) < LIMITS["phone_sends_per_day"] and not any(age < 60 for age in today)

    def may_try(self) -> bool:
        return len([age for age in self.tried if age < DAY]) < LIMITS["phone_wrong_checks_per_day"]


@dataclass
class Code:
    id: str
    digits: str
    phone: Phone
    left: int = LIMITS["code_checks"]
    lives: bool = True
    sends: int = 1
    verified: bool = False


class CodeLife(RuleBasedStateMachine):
    running: Running
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.phones = [Phone(f"+7{next(_numbers)}") for _ in range(2)]
        self.codes: list[Code] = []

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    @rule(phone=st.integers(0, 1))
    def ask(self, phone: int) -> None:
        owner = self.phones[phone]

        answer = self.wait(ask(self.running, owner.number))

        assert answer.status_code == (202 if owner.may_send() else 429)
        if answer.status_code == 202:
            [*_, event] = self.wait(self.running.said(CodeRequested))
            self.codes.append(Code(answer.json()["id"], secrets(self.running, event).code, owner))
            owner.sent.append(0)

    @precondition(lambda self: self.codes)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        code = data.draw(st.sampled_from(self.codes))

        answer = self.wait(send_again(self.running, code.id))

        if not code.lives or code.left == 0:
            assert answer.status_code == 410
        else:
            assert answer.status_code == (202 if code.phone.may_send() else 429)
        if answer.status_code == 202:
            code.sends += 1
            code.phone.sent.append(0)

    @precondition(lambda self: self.codes)
    @rule(data=st.data(), right=st.booleans())
    def check(self, data: st.DataObject, right: bool) -> None:
        code = data.draw(st.sampled_from(self.codes))

        answer = self.wait(check(self.running, code.id, code.digits if right else wrong(code.digits)))

        if not code.lives or code.left == 0:
            assert answer.status_code == 410
            return
        code.left -= 1
        if not code.phone.may_try():
            assert answer.status_code == 410
        elif right:
            assert answer.status_code == 200
            code.lives, code.verified = False, True
        else:
            assert (answer.status_code, answer.json()["attempts_left"]) == (422, code.left)
            code.phone.tried.append(0)

    @precondition(lambda self: any(code.lives for code in self.codes))
    @rule(data=st.data())
    def end_by_itself(self, data: st.DataObject) -> None:
        """Redis' clock ends it; here its end is now."""
        code = data.draw(st.sampled_from([code for code in self.codes if code.lives]))
        self.wait(self.running.wired.live._redis.pexpire(f"code:{code.id}", 0))
        code.lives = False

    @rule(seconds=st.sampled_from([30, 61, 3600, DAY]))
    def time_passes(self, seconds: int) -> None:
        self.wait(let_pass(self.running, seconds))
        for phone in self.phones:
            phone.sent = [age + seconds for age in phone.sent]
            phone.tried = [age + seconds for age in phone.tried]

    @invariant()
    def what_was_said_is_what_happened(self) -> None:
        said = self.wait(self.running.said())
        for code in self.codes:
            own = [event for event in said if str(event.code_id) == code.id]
            sends = [event.send for event in own if isinstance(event, CodeRequested)]
            assert sends == list(range(1, code.sends + 1))
            assert sum(isinstance(event, PhoneVerified) for event in own) == code.verified


async def test_code_lives_as_its_model(open_verification: Open) -> None:
    CodeLife.running = await open_verification(**LIMITS, **WIDE)
    CodeLife.loop = asyncio.get_running_loop()
    bounded = settings(
        max_examples=MACHINES,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )

    await asyncio.to_thread(run_state_machine_as_test, CodeLife, settings=bounded)
