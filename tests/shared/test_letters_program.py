"""`dead-letters …` and `outbox …` from the command line: what they say, with what code they end, and what they hide."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.shared.test_programs import environment, said_by

__all__ = ["environment"]

CONTROL = "\x1b[31m"
LETTER = (
    "INSERT INTO dead_letters (id, topic, partition, position, key, type, event_id, headers, value, cause)"
    " VALUES (gen_random_uuid(), 'identity.events', 0, 7, $1, $2, gen_random_uuid(),"
    " '[[\"ce_type\", \"Y2FuYXJ5\"]]', $3, 'bad') RETURNING id::text"
)
VALUE = b'{"user_id": "0192f3c5-8a4e-7cc3-98c4-dc0c0c07398f", "email": "canary@example.org"}'


async def execute(environment: Mapping[str, str], sql: str, *parameters: object) -> str:
    """The first value of the first row."""
    connection = await asyncpg.connect(environment["VERIFICATION_DATABASE_URL"])
    try:
        return str(await connection.fetchval(sql, *parameters))
    finally:
        await connection.close()


async def add(environment: Mapping[str, str], key: str, type_: str = "t.v1") -> str:
    """The id of a letter that no reader here can handle."""
    return await execute(environment, LETTER, key, type_, VALUE)


async def test_letter_is_listed_and_shown_without_its_contents(environment: dict[str, str]) -> None:
    letter = await add(environment, "[/b]key", f"x{CONTROL}.v1")

    listed = await said_by(environment, "dead-letters", "list", "--newer-than", "1h")
    shown = await said_by(environment, "dead-letters", "show", letter)
    old = await said_by(environment, "dead-letters", "list", "--older-than", "1d")

    assert (listed[0], shown[0], old) == (0, 0, (0, "Nothing waits.\n"))
    assert letter in listed[1]
    assert "[/b]key" in listed[1]
    assert "1 letter of 1 key, parked from " in listed[1]
    assert "  user_id: 0192f3c5-8a4e-7cc3-98c4-dc0c0c07398f\n" in shown[1]
    assert "  email: a text of 18\n" in shown[1]
    assert "headers: ce_type\n" in shown[1]
    assert "  parked: bad\n" in shown[1]
    assert CONTROL not in listed[1] + shown[1]
    assert "canary" not in listed[1] + shown[1]
    assert "Y2FuYXJ5" not in shown[1]


async def test_ids_and_keys_stand_whole_on_a_narrow_terminal(environment: dict[str, str]) -> None:
    """An id that is cut cannot be given to the next command."""
    environment |= {"TTY_COMPATIBLE": "1", "FORCE_COLOR": "1", "COLUMNS": "80"}
    letter = await add(environment, "k" * 36)

    code, said = await said_by(environment, "dead-letters", "list")

    assert code == 0
    assert "┃ id" in said.replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert letter in said
    assert said.count("k") >= 36
    assert "…" not in said


async def test_letters_are_counted_by_cause(environment: dict[str, str]) -> None:
    for key in ("a", "a", "b"):
        await add(environment, key)

    code, said = await said_by(environment, "dead-letters", "list", "--by", "cause")

    names, row, total = [line.split("\t") for line in said.splitlines()]
    assert code == 0
    assert names == ["cause", "letters", "keys", "oldest", "newest"]
    assert row[:3] == ["bad", "3", "2"]
    assert total[0].startswith("3 letters of 2 keys, parked from ")


@pytest.mark.parametrize("which", [("--all",), ("--key", "a"), ("--type", "t.v1")])
async def test_what_fails_again_is_summed_up_and_exit_1(environment: dict[str, str], which: tuple[str, ...]) -> None:
    letter = await add(environment, "a")

    code, said = await said_by(environment, "dead-letters", "replay", *which)

    assert code == 1
    assert "replayed: 0" in said
    assert f"identity.events, key a: letter {letter} fails again and stays" in said
    assert "still held: 1 key" in said
    assert "Traceback" not in said


async def test_nothing_to_replay_is_no_failure(environment: dict[str, str]) -> None:
    assert await said_by(environment, "dead-letters", "replay", "--all") == (0, "replayed: 0\n")


async def test_letter_is_dropped_with_who_and_why_and_once(environment: dict[str, str]) -> None:
    letter = await add(environment, "a")
    decided = ("--reason", "no reader", "--by", "ivanova")

    replayed = await said_by(environment, "dead-letters", "replay", letter)
    dropped = await said_by(environment, "dead-letters", "drop", letter, *decided)
    again = await said_by(environment, "dead-letters", "drop", letter, *decided)
    shown = await said_by(environment, "dead-letters", "show", letter)

    assert (replayed[0], dropped[0], again[0]) == (1, 0, 1)
    assert "fails again and stays" in replayed[1]
    assert "dropped: 1, replayed behind it: 0" in dropped[1]
    assert "No letter" in again[1]
    assert "replayed in vain once: Malformed: no reader for the type" in shown[1]
    assert "dropped by ivanova: no reader" in shown[1]


async def test_drop_without_who_and_why_is_refused_and_drops_nothing(environment: dict[str, str]) -> None:
    letter = await add(environment, "a")

    unnamed = await said_by(environment, "dead-letters", "drop", letter, "--reason", "no reader", "--by", " ")
    unexplained = await said_by(environment, "dead-letters", "drop", "--key", "a", "--reason", "", "--by", "ivanova")

    assert unnamed == unexplained == (2, "Say who does it (--by) and why (--reason); both are kept.\n")
    assert await execute(environment, "SELECT count(*) FROM dead_letters WHERE resolved_at IS NULL") == "1"


async def test_drop_in_the_middle_of_a_key_is_refused_unless_the_key_is_named(environment: dict[str, str]) -> None:
    first, second = await add(environment, "a"), await add(environment, "a")
    decided = ("--reason", "no", "--by", "x")

    alone = await said_by(environment, "dead-letters", "drop", second, *decided)
    named = await said_by(environment, "dead-letters", "drop", second, "--key", "a", *decided)
    whole = await said_by(environment, "dead-letters", "drop", "--key", "a", *decided)
    nothing = await said_by(environment, "dead-letters", "drop", "--key", "a", *decided)

    assert alone == (1, f"Letter {first} of the same key comes first: replay or drop that one.\n")
    assert named == (0, "dropped: 1\n")
    assert whole == (0, "dropped: 1\n")
    assert nothing[0] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("dead-letters", "replay"),
        ("dead-letters", "replay", "--all", "--key", "a"),
        ("dead-letters", "drop", "--reason", "x", "--by", "y"),
        ("dead-letters", "drop", "--key", "a", "--reason", "x"),
        ("dead-letters", "list", "--older-than", "soon"),
        ("dead-letters", "list", "--by", "value"),
        ("outbox", "release"),
        ("outbox", "release", "7", "--all"),
        ("outbox", "drop", "7", "--reason", "x"),
    ],
)
async def test_what_is_not_clear_is_refused(environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    code, said = await said_by(environment, *arguments)

    assert code == 2, said
    assert "Usage:" in said
    assert "Traceback" not in said


async def test_refused_event_is_listed_released_and_dropped(environment: dict[str, str]) -> None:
    row = await execute(
        environment,
        "INSERT INTO outbox (event_id, topic, key, headers, value, refused_at, refusal)"
        " VALUES (gen_random_uuid(), 'verification.events', 'k', '{\"ce_type\": \"t.v1\"}', 'canary', now(), 'Big')"
        " RETURNING id::text",
    )
    decided = ("--reason", "no", "--by", "x")

    listed = await said_by(environment, "outbox", "list")
    released = await said_by(environment, "outbox", "release", row)
    again = await said_by(environment, "outbox", "release", row)
    none = await said_by(environment, "outbox", "drop", row, *decided)
    await execute(environment, "UPDATE outbox SET refused_at = now() RETURNING 1")
    unnamed = await said_by(environment, "outbox", "drop", row, "--reason", "no", "--by", " ")
    dropped = await said_by(environment, "outbox", "drop", row, *decided)
    empty = await said_by(environment, "outbox", "list")

    assert unnamed[0] == 2
    assert "Say who does it (--by) and why (--reason)" in unnamed[1]
    assert listed[0] == 0
    assert all(told in listed[1] for told in ("t.v1", "Big", "verification.events"))
    assert "canary" not in listed[1]
    assert released == (0, "released: 1\n")
    assert again == (1, f"No event {row} was refused; `outbox list` shows those that were.\n")
    assert none == again
    assert dropped == (0, "dropped: 1\n")
    assert empty == (0, "Nothing was refused.\n")


async def test_resending_more_than_is_kept_is_refused_with_the_earliest_time(environment: dict[str, str]) -> None:
    """verification.events, and so its outbox, keeps one day."""
    now = datetime.now(UTC)

    within = await said_by(environment, "outbox", "resend", "--since", f"{now - timedelta(hours=23):%Y-%m-%dT%H:%M:%S}")
    before = await said_by(environment, "outbox", "resend", "--since", f"{now - timedelta(hours=25):%Y-%m-%dT%H:%M:%S}")
    earliest = before[1].partition("--since ")[2].partition("`")[0]
    told = await said_by(environment, "outbox", "resend", "--since", earliest)

    assert within == (0, "marked to be sent again: 0\n")
    assert (before[0], len(before[1].splitlines())) == (2, 1)
    assert before[1].startswith("Older events are not kept (1 d): the earliest is `outbox resend --since ")
    assert told == within
