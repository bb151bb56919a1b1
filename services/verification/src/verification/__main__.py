"""The program `verification`."""

from shared.program import program
from verification.main import service
from verification.phones_program import phones_program

app = program(service, "One-time codes by SMS, and the signed statement that a phone was in hand.")
app.add_typer(phones_program(service), name="phones")


def run() -> None:
    app()


if __name__ == "__main__":
    run()
