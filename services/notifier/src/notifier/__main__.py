"""The program `notifier`."""

from notifier.main import service
from shared.program import program

app = program(service, "Letters and SMS: tells people what the other services say, and takes feedback to support.")


def run() -> None:
    app()


if __name__ == "__main__":
    run()
