"""The program `portal`: `api` and `serve` are one and the same, since it hears and says no events."""

import typer

from portal import main
from portal.settings import PortalSettings
from shared.acts import keys_named
from shared.complaints import complaints
from shared.serving import observe
from shared.settings import load

app = typer.Typer(
    help="The web cabinet: the pages that customers see.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def api() -> None:
    """Serve the pages."""
    settings = load(PortalSettings)
    observe(settings)
    with complaints(), keys_named(settings):
        main.run(settings)


@app.command()
def serve() -> None:
    """The same as api."""
    api()


def run() -> None:
    app()


if __name__ == "__main__":
    run()
