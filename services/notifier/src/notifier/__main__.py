"""The program `notifier`."""

from shared.program import program

from notifier.main import service

app = program(service)


def run() -> None:
    app()


if __name__ == "__main__":
    run()
