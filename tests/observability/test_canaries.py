"""What the look into all logs after a run finds, and what it passes over."""

from pathlib import Path

import pytest

from tests.observability.canaries import lines_with_somebody, personal

TOKEN = "VV4u297OyIrGJwZV_amY0LRr4qRJYFLuEpJuOztqRLo"


@pytest.mark.parametrize(
    "line",
    [
        '{"phone": "+79123456789"}',
        "Key (phone)=(79123456789) already exists.",
        "asked for 89123456789 again",
        "to petrova@mail.ru",
        f"GET /c/{TOKEN}",
        "Bearer eyJhbGciOiJFZERTQSIsInR5cCI6ImF0K2p3dCJ9.e30.c2lnbmF0dXJl",
    ],
)
def test_people_and_their_tokens_are_found(line: str) -> None:
    assert personal(line)


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "request_answered", "route": "/c/{token}", "trace_id": "79123456789abcdef0123456789abcde"}',
        '{"timestamp": "2026-11-26T04:15:21.891234Z", "id": "019ac3f2-6d1e-7c41-9f0a-791234567890"}',
        "from kabinet@energosbyt.example",
        "offset 1795665292532 of epoch 79",
        "file:/home/somebody/kafka_2.13-4.4.0.jar",
    ],
)
def test_ids_times_and_the_retailer_are_passed_over(line: str) -> None:
    assert personal(line) == []


def test_a_line_is_named_with_its_log(tmp_path: Path) -> None:
    log = tmp_path / "set" / "logs" / "identity.log"
    log.parent.mkdir(parents=True)
    log.write_text("fine\nto petrova@mail.ru\n")

    found = list(lines_with_somebody(tmp_path))
    log.unlink()  # it would be found after this run too

    assert found == [f"{log}:2: petrova@mail.ru"]
