"""Log lines: one JSON object each, ids and times readable, secrets and contacts masked."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
import structlog

from shared.logging import SECRET_FIELDS, SECRET_WORDS, configure, logger, mask

JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
CANARIES = ["petrova@mail.ru", "+79123456789", "8 (912) 345-67-89", "79123456789", JWT]


@pytest.fixture(autouse=True)
def _configured() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers, root.level = before[0], before[1]
    structlog.reset_defaults()


def said(capsys: pytest.CaptureFixture[str], /, **fields: Any) -> dict[str, Any]:
    configure("identity")
    logger("test").info("something_happened", **fields)
    line: dict[str, Any] = json.loads(capsys.readouterr().out)
    return line


@pytest.mark.parametrize("field", sorted(SECRET_FIELDS | SECRET_WORDS | {"new_email", "Authorization", "reset-token"}))
def test_secret_field_is_masked(capsys: pytest.CaptureFixture[str], field: str) -> None:
    assert said(capsys, **{field: "Aurelia"})[field] == "***"
    assert said(capsys, nested=[{"deep": {field: 12345}}])["nested"] == [{"deep": {field: "***"}}]


@pytest.mark.parametrize("canary", CANARIES)
def test_personal_data_is_masked_wherever_it_stands(capsys: pytest.CaptureFixture[str], canary: str) -> None:
    class Thing:
        def __str__(self) -> str:
            return f"Thing of {canary}"

    line = said(
        capsys, cause=f"row of {canary} is bad", many=[canary], inner={"x": canary}, pair=(1, canary), thing=Thing()
    )

    assert canary not in json.dumps(line, ensure_ascii=False)


def test_ids_times_and_figures_survive(capsys: pytest.CaptureFixture[str]) -> None:
    user_id = UUID("019ac0f2-1111-7222-8333-444455556666")

    line = said(
        capsys,
        user_id=user_id,
        text=f"user {user_id}",
        at=datetime(2026, 11, 25, 8, 52, tzinfo=UTC),
        on=date(2026, 11, 25),
        ms=12.5,
        count=4,
        ok=True,
        none=None,
        topic="billing-link.events",
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
    )

    assert line["user_id"] == str(user_id)
    assert line["text"] == f"user {user_id}"
    assert (line["at"], line["on"]) == ("2026-11-25T08:52:00+00:00", "2026-11-25")
    assert (line["ms"], line["count"], line["ok"], line["none"]) == (12.5, 4, True, None)
    assert (line["topic"], line["trace_id"]) == ("billing-link.events", "4bf92f3577b34da6a3ce929d0e0e4736")
    assert line["service"] == "identity"
    assert line["timestamp"].startswith("20")
    assert line["event"] == "something_happened"


def test_password_of_a_url_is_masked() -> None:
    masked = mask("cannot reach postgresql://identity:p,a;s=s:w@db.internal:5432/identity now")

    assert masked == "cannot reach postgresql://***db.internal:5432/identity now"


def test_exception_is_shown_by_kind_and_place_without_what_it_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    configure("identity")
    try:
        try:
            json.loads("{}")["canary-in-a-key"]
        except KeyError:
            raise ValueError("canary in a value") from None
    except ValueError:
        logger("test").exception("request_failed")
        logging.getLogger("somebody.else").exception("failed")

    ours, theirs = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert "canary" not in json.dumps([ours, theirs])
    assert ours["exception"].startswith("builtins.ValueError\n")
    assert "test_logging.py" in theirs["exception"]


def test_each_event_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure("identity")
    logger("test").info("said", text="two\nlines")
    logging.getLogger("other").warning("also\nhere")

    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == ["said", "also\nhere"]


def test_clients_of_the_broker_say_nothing_that_we_say_ourselves(capsys: pytest.CaptureFixture[str]) -> None:
    configure("identity", "DEBUG")

    logging.getLogger("aiokafka.consumer.group_coordinator").error("Group Coordinator Request failed")
    logging.getLogger("aiokafka").warning("Unable connect to node")

    assert capsys.readouterr().out == ""
