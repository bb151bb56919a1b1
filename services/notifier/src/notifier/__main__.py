"""The program `notifier`."""

from notifier.main import service
from shared.program import program

app = program(service)


def run() -> None:
    app()


if __name__ == "__main__":
    run()
