"""The program `notifier`."""

from notifier.main import service
from notifier.notifications_program import notifications_program
from shared.program import program

app = program(service, "Letters and SMS: tells people what the other services say, and takes feedback to support.")
app.add_typer(notifications_program(service), name="notifications")


def run() -> None:
    app()


if __name__ == "__main__":
    run()
