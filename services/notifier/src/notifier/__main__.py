"""The program `notifier`: the kernel's commands and `catch-up`, `notifications …`."""

from typing import Any

from notifier.catching_up import give_up_secrets
from notifier.main import service
from notifier.notifications_program import notifications_program
from shared.acts import out
from shared.outbox_program import Since, kept_since
from shared.program import act, program
from shared.said import reconcile
from shared.service import Kernel

app = program(service, "Letters and SMS: tells people what the other services say, and takes feedback to support.")
app.add_typer(notifications_program(service), name="notifications")


@app.command(name="catch-up")
def catch_up(since: Since) -> None:
    """Where the database was set back to this moment: codes and links that were on their way then may have gone out
    since, so they end as unknown; no reader gets one twice. While neither api nor worker runs."""

    async def do(kernel: Kernel, _wired: Any) -> int:
        begin = await kept_since(service, kernel, since, "catch-up")
        await reconcile(kernel.database, kernel.broker, begin)
        return await give_up_secrets(kernel.database)

    out.print(f"codes and links given up: {act(service, do)}")


def run() -> None:
    app()


if __name__ == "__main__":
    run()
