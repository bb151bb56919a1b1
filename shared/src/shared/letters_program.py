"""The commands `dead-letters …`: list, show, replay, drop."""

import re
from collections.abc import Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import typer

from shared import dead_letters, letters
from shared.acts import By, Reason, act, out, progress, shown, tell_rows
from shared.dead_letters import Replayed
from shared.inbox import hearing
from shared.mandate import Mandate
from shared.service import Kernel, Service
from shared.tables import DeadLetter

MAX_TOLD = 20
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def age(said: str) -> timedelta:
    """`90s`, `15m`, `2h`, `3d`."""
    form = re.fullmatch(r"(\d{1,6})([smhd])", said.strip())
    if form is None:
        raise typer.BadParameter("an age is a number with s, m, h or d, as 90s, 15m, 2h, 3d")
    return timedelta(**{_UNITS[form[2]]: int(form[1])})


Topic = Annotated[str | None, typer.Option(help="of this topic")]
Key = Annotated[str | None, typer.Option(help="of this key")]
Type = Annotated[str | None, typer.Option(help="of this event type")]


def letters_program(service: Service) -> typer.Typer:
    app = typer.Typer(
        no_args_is_help=True,
        help="Records that could not be handled, and what waits behind them.",
    )
    _looking(app, service)
    _deciding(app, service)
    return app


def _looking(app: typer.Typer, service: Service) -> None:
    @app.command(name="list")
    def list_(
        topic: Topic = None,
        type: Type = None,
        key: Key = None,
        cause: Annotated[str | None, typer.Option(help="whose cause has this in it")] = None,
        older_than: Annotated[timedelta | None, typer.Option(parser=age, help="parked so long ago or longer")] = None,
        newer_than: Annotated[timedelta | None, typer.Option(parser=age, help="parked since then: 2h, 3d")] = None,
        resolved: Annotated[bool, typer.Option("--resolved", help="those replayed or dropped instead")] = False,
        by: Annotated[letters.By | None, typer.Option(help="counts instead of letters")] = None,
        limit: Annotated[int, typer.Option(min=1, help="at most so many")] = 100,
    ) -> None:
        """What waits, in the order of parking; or how many by cause, type, key or topic."""
        asked = letters.Asked(topic, type, key, cause, older_than, newer_than, resolved)

        async def do(kernel: Kernel, _wired: Any) -> None:
            async with kernel.database.transaction() as session:
                found = await letters.counted(session, asked)
                if found is None:
                    out.print("None was resolved." if resolved else "Nothing waits.")
                    return
                if by is None:
                    _tell_letters(await letters.listed(session, asked, limit))
                else:
                    _tell_counts(by, await letters.counted_by(session, asked, by, limit))
            typer.echo(
                f"{_count(found.letters, 'letter')} of {_count(found.keys, 'key')},"
                f" parked from {found.oldest:%Y-%m-%d %H:%M:%S} to {found.newest:%Y-%m-%d %H:%M:%S} UTC",
                err=True,
            )

        act(service, do)

    @app.command()
    def show(letter_id: UUID) -> None:
        """One letter: where it was, what became of it, the names and ids in it, nothing else of it."""

        async def do(kernel: Kernel, _wired: Any) -> None:
            async with kernel.database.transaction() as session:
                row = await letters.any_letter(session, letter_id)
            if row is None:
                raise dead_letters.NoSuchLetter(str(letter_id))
            for name in ("id", "topic", "partition", "position", "key", "type", "event_id"):
                out.print(shown(f"{name}: {getattr(row, name)}"))
            out.print(shown(f"headers: {', '.join(name or '' for name, _ in row.headers)}"))
            out.print(f"value: {_count(len(row.value or b''), 'byte')}")
            for line in letters.structure(row.value):
                out.print(shown(f"  {line}"), soft_wrap=True)
            out.print("history:")
            for line in letters.history(row):
                out.print(shown(f"  {line}"), soft_wrap=True)

        _guarded(service, do)


def _deciding(app: typer.Typer, service: Service) -> None:
    heard = hearing(service.heard)

    @app.command()
    def replay(
        letter_id: Annotated[UUID | None, typer.Argument(help="the first of its key, as `list` shows it")] = None,
        key: Key = None,
        topic: Topic = None,
        type: Annotated[str | None, typer.Option(help="keys that a letter of this type holds up")] = None,
        all: Annotated[bool, typer.Option("--all", help="every key")] = False,
    ) -> None:
        """Handle letters now, each key in order. What fails again stays with its key, and the other keys go on."""
        if [letter_id is not None, key is not None, type is not None, all].count(True) != 1:
            raise typer.BadParameter("name one of: an id, --key, --type, --all")

        async def one(kernel: Kernel, wired: Any) -> None:
            assert letter_id is not None
            ran = await dead_letters.replay(kernel.database, letter_id, heard, wired)
            out.print(f"replayed: {ran}")

        async def many(kernel: Kernel, wired: Any) -> Replayed:
            async with kernel.database.transaction() as session:
                held = await dead_letters.held_keys(session, topic, key, type)
            with progress("letters") as moved:
                return await dead_letters.replay_keys(kernel.database, held, heard, wired, moved)

        if letter_id is not None:
            _guarded(service, one)
        else:
            _tell(act(service, many))

    @app.command()
    def drop(
        reason: Reason,
        by: By,
        letter_id: Annotated[UUID | None, typer.Argument(help="the first of its key, or any with --key")] = None,
        key: Annotated[str | None, typer.Option(help="alone: all letters of this key")] = None,
        topic: Topic = None,
    ) -> None:
        """Give a letter up, then handle what waited behind it; or, with --key, all that waits under a key."""
        if letter_id is None and key is None:
            raise typer.BadParameter("name an id, --key, or both")

        async def first(kernel: Kernel, wired: Any) -> None:
            assert letter_id is not None
            mandate = Mandate(by, reason)
            try:
                ran = await dead_letters.drop(kernel.database, letter_id, mandate.reason, heard, wired, mandate.by)
            except dead_letters.StillFails:
                out.print("dropped: 1")
                raise
            out.print(f"dropped: 1, replayed behind it: {ran}")

        async def in_key(kernel: Kernel, _wired: Any) -> None:
            mandate = Mandate(by, reason)
            async with kernel.database.transaction() as session:
                held = await dead_letters.held_keys(session, topic, key)
            if len(held) > 1:
                raise typer.BadParameter(f"the key has letters of {', '.join(one.topic for one in held)}: add --topic")
            gone = [
                await dead_letters.drop_in_key(kernel.database, one, mandate.reason, mandate.by, letter_id)
                for one in held
            ]
            if not sum(gone):
                raise dead_letters.NoSuchLetter(str(letter_id or "of that key"))
            out.print(f"dropped: {sum(gone)}")

        _guarded(service, first if key is None else in_key)


def _tell_letters(rows: Sequence[DeadLetter]) -> None:
    names = ("id", "at", "key", "type", "parked", "cause")
    tell_rows(
        names,
        (
            (
                row.id,
                f"{row.topic}/{row.partition}:{row.position}",
                row.key,
                row.type,
                f"{row.parked_at:%Y-%m-%d %H:%M:%S}",
                f"{row.cause}; {row.resolution}" if row.resolution else row.cause,
            )
            for row in rows
        ),
    )


def _tell_counts(by: letters.By, rows: Sequence[letters.Counted]) -> None:
    names = (by, "letters", "keys", "oldest", "newest")
    form = "%Y-%m-%d %H:%M:%S"
    tell_rows(names, ((row.of, row.letters, row.keys, f"{row.oldest:{form}}", f"{row.newest:{form}}") for row in rows))


def _tell(result: Replayed) -> None:
    out.print(f"replayed: {result.ran}")
    for held, problem in result.failed[:MAX_TOLD]:
        letter, cause = problem.args
        told = f"{held.topic}, key {held.key}: letter {letter} fails again and stays, with what is behind it: {cause}"
        typer.echo(shown(told).plain, err=True)
    if result.failed:
        more = len(result.failed) - MAX_TOLD
        typer.echo(f"still held: {_count(len(result.failed), 'key')}{f', {more} not shown' * (more > 0)}", err=True)
        raise typer.Exit(1)


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _guarded(service: Service, do: Callable[[Kernel, Any], Coroutine[Any, Any, None]]) -> None:
    try:
        act(service, do)
    except dead_letters.NoSuchLetter as problem:
        typer.echo(
            f"No letter {problem} waits here; `dead-letters list` shows those that do.",
            err=True,
        )
        raise typer.Exit(1) from None
    except dead_letters.NotFirst as problem:
        typer.echo(
            f"Letter {problem} of the same key comes first: replay or drop that one.",
            err=True,
        )
        raise typer.Exit(1) from None
    except dead_letters.StillFails as problem:
        letter, cause = problem.args
        typer.echo(f"Letter {letter} fails again and stays, with what is behind it: {cause}", err=True)
        raise typer.Exit(1) from None
