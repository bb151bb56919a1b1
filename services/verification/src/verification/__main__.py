"""The program `verification`."""

from shared.program import program
from verification.main import service

app = program(service, "One-time codes by SMS, and the signed statement that a phone was in hand.")


def run() -> None:
    app()


if __name__ == "__main__":
    run()
