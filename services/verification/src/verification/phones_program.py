"""The commands `phones …`: show, release."""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Annotated, Any, TypeVar

import typer
from rich.table import Table

from shared.acts import By, Reason, act, out, shown
from shared.contacts import mask_phone
from shared.mandate import Mandate
from shared.service import Kernel, Service
from verification import numbers, phones
from verification.numbers import Number
from verification.phones import PhoneState
from verification.rules import PhoneInvalid
from verification.settings import VerificationSettings
from verification.wired import Wired

R = TypeVar("R")
PhoneArgument = Annotated[str, typer.Argument(help="as it was typed, e.g. '8 912 345-67-89'")]


def phones_program(service: Service) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, help="Why a number gets no code, and letting it go.")

    @app.command()
    def show(phone: PhoneArgument, by: By, reason: Reason) -> None:
        """The number's SMS, wrong tries and refusals with the rule of each. The look is kept."""

        async def do(kernel: Kernel, wired: Wired) -> tuple[Number, PhoneState, VerificationSettings]:
            number = numbers.read(phone, wired.settings.countries[0])
            async with kernel.database.transaction() as session:
                return number, await phones.show(session, number, Mandate(by, reason), wired), wired.settings

        _print(*_done(service, do))

    @app.command()
    def release(phone: PhoneArgument, by: By, reason: Reason) -> None:
        """Give the number its SMS and tries back, and pass it by the limits of its address and range for an hour."""

        async def do(kernel: Kernel, wired: Wired) -> tuple[Number, datetime]:
            number = numbers.read(phone, wired.settings.countries[0])
            async with kernel.database.transaction() as session:
                return number, await phones.release(session, number, Mandate(by, reason), wired)

        number, until = _done(service, do)
        out.print(f"{mask_phone(number.e164)}: released until {_told(until)}; the next code can be asked for now")

    return app


def _done(service: Service, do: Callable[[Kernel, Any], Coroutine[Any, Any, R]]) -> R:
    try:
        return act(service, do)
    except PhoneInvalid:
        typer.echo("That is no phone number. For example: '8 912 345-67-89', +79123456789.", err=True)
        raise typer.Exit(1) from None


def _print(number: Number, state: PhoneState, settings: VerificationSettings) -> None:
    share = f"{state.prefix_verified} of {state.prefix_sent}" if state.prefix_sent else "none of none"
    out.print(f"{mask_phone(number.e164)} ({number.country})")
    out.print(f"SMS in 24 hours: {len(state.sent)} of {settings.phone_sends_per_day}{_last(state.sent)}")
    out.print(
        f"Wrong tries in 24 hours: {len(state.tried)} of {settings.phone_wrong_checks_per_day}{_last(state.tried)}"
    )
    out.print(f"Its range {number.prefix}, in an hour: {share} SMS verified{_blocked(state, settings)}")
    if state.released_until is not None:
        out.print(f"Released until {_told(state.released_until)}")
    out.print(f"Refusals: {state.refusals_in_all}")
    if state.refusals:
        table = Table("refused", "rule")
        for refusal in state.refusals:
            table.add_row(_told(refusal.refused_at), refusal.rule)
        out.print(table)
    if state.acts:
        table = Table("done", "act", "by", "reason")
        for one in state.acts:
            table.add_row(_told(one.done_at), one.act, shown(one.done_by), shown(one.reason))
        out.print(table)


def _blocked(state: PhoneState, settings: VerificationSettings) -> str:
    enough = state.prefix_verified * 100 >= state.prefix_sent * settings.prefix_verified_percent
    return "" if enough or state.prefix_sent < settings.prefix_sends_per_hour else ", blocked"


def _last(times: list[datetime]) -> str:
    return f", the last at {_told(times[-1])}" if times else ""


def _told(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
