"""The program of a service: `api`, `worker`, `serve`, `migrate`, `dead-letters …`, `inbox …`, `outbox …`."""

from typing import Annotated

import typer
import uvloop

from shared import serving, worker
from shared.acts import act, keys_named, out, require_database
from shared.complaints import CannotGoOn, complaints
from shared.inbox_program import inbox_program
from shared.letters_program import letters_program
from shared.outbox_program import outbox_program
from shared.service import Service
from shared.settings import load

__all__ = ["act", "program"]


def program(service: Service, about: str) -> typer.Typer:
    """The commands that every service has; a service adds its own to the result. `about` is one sentence for --help."""
    app = typer.Typer(help=about, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

    @app.command()
    def api() -> None:
        """Answer HTTP; events are sent and heard by a separate worker."""
        _run(service, http=True, work=False)

    @app.command(name="worker")
    def worker_() -> None:
        """Send the outbox and hear the other services; health and metrics on the worker's port."""
        _run(service, http=False, work=True)

    @app.command()
    def serve() -> None:
        """Both in one process."""
        _run(service, http=True, work=True)

    @app.command(name="migrate")
    def migrate_(
        revision: Annotated[str, typer.Argument(help="a revision; base: back to an empty database")] = "heads",
    ) -> None:
        """Bring the database's schema to this release."""
        # alembic is what no other command needs
        from alembic.util import CommandError

        from shared.migrating import migrate

        settings = load(service.settings)
        with complaints():
            uvloop.run(require_database(settings))
            try:
                url = settings.database_url.get_secret_value()
                migrate(service.package, url, revision, lambda: typer.echo("waits for a lock", err=True))
            except CommandError as problem:
                raise CannotGoOn(f"migrate {revision}: {problem}") from None
        out.print(f"{settings.service}: schema at {revision}")

    app.add_typer(letters_program(service), name="dead-letters")
    app.add_typer(inbox_program(service), name="inbox")
    app.add_typer(outbox_program(service), name="outbox")
    return app


def _run(service: Service, *, http: bool, work: bool) -> None:
    settings = load(service.settings)
    serving.observe(settings)
    with complaints(), keys_named(settings):
        uvloop.run(worker.run(service, settings, http=http, work=work))
