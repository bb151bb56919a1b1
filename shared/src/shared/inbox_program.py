"""The commands `inbox …`: reading again."""

from typing import Any

import typer
from aiokafka import TopicPartition

from shared.acts import act, out
from shared.outbox_program import Since, in_utc
from shared.rewinding import rewind
from shared.service import Kernel, Service
from shared.worker import Rules


def inbox_program(service: Service) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="Events of the other services, and what of them was handled.")

    @app.callback()
    def inbox() -> None:
        """Events of the other services, and what of them was handled."""

    @app.command(name="rewind")
    def rewind_(since: Since) -> None:
        """Read the topics again from this moment on, where the database was set back to it; what it remembers changes
        nothing. While the worker is stopped."""

        async def do(kernel: Kernel, _wired: Any) -> int:
            heard, settings = {entry.event.topic for entry in service.heard}, kernel.settings
            topics = [topic for topic in Rules.of(service, settings).topics if topic.name in heard]
            partitions = [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]
            return len(await rewind(kernel.broker, settings.service, partitions, in_utc(since)))

        out.print(f"partitions that are read again: {act(service, do)}")

    return app
