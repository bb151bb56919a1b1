"""The acknowledgements of what one pass of the relay handed to Kafka."""

import asyncio
from collections.abc import Callable, Sequence

from aiokafka.structs import RecordMetadata


class Acks:
    """The acknowledgements of a pass. The first failure is told at once: the problem and the last row enqueued."""

    def __init__(self, failed: Callable[[BaseException, int], None]) -> None:
        self.row_ids: list[int] = []
        self._failed = failed
        self._waiting = 0
        self._problem: BaseException | None = None
        self._settled = asyncio.Event()

    def expect(self, row_ids: Sequence[int], ack: "asyncio.Future[RecordMetadata]") -> None:
        self.row_ids += row_ids
        self._waiting += 1
        ack.add_done_callback(self._arrived)

    def _arrived(self, ack: "asyncio.Future[RecordMetadata]") -> None:
        self._waiting -= 1
        problem = TimeoutError() if ack.cancelled() else ack.exception()
        if problem is not None and self._problem is None:
            self._problem = problem
            self._failed(problem, max(self.row_ids))
        if problem is not None or self._waiting == 0:
            self._settled.set()

    async def all_arrived(self, seconds: float) -> None:
        """Raises the first failure; `TimeoutError` where nothing comes for so long."""
        while self._waiting and self._problem is None:
            self._settled.clear()
            await asyncio.wait_for(self._settled.wait(), seconds)
        if self._problem is not None:
            raise self._problem
