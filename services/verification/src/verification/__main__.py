"""The program `verification`."""

from shared.program import program
from verification.main import service

app = program(service)


def run() -> None:
    app()


if __name__ == "__main__":
    run()
