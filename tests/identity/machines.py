"""Running a hypothesis state machine, which is synchronous, against a service that lives on the test's own loop."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.identity.conftest import Identity

T = TypeVar("T")
STEP_SECONDS = 30


class Machine(RuleBasedStateMachine):
    """`identity` and `loop` are given to the class by `explored`."""

    identity: Identity
    loop: asyncio.AbstractEventLoop

    def now(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it on the service's loop, and wait."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(STEP_SECONDS)


async def explored(machine: type[Machine], identity: Identity, *, examples: int, steps: int) -> None:
    """The same walks on every run, so that a failure is one that somebody else can see too."""
    bound = type(machine.__name__, (machine,), {"identity": identity, "loop": asyncio.get_running_loop()})
    bounds = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, bound, settings=bounds)
