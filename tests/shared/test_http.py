"""HTTP: every error as problem+json without an echo, checks in the contract's order, ids taken over."""

import json
import logging
from typing import Any

import httpx2
import pytest
import structlog
from uuid_utils.compat import uuid7

from shared import logging as our_logging
from tests.kit import Running, field_codes, problem
from tests.shared.room import CANARY

ECHO = "canary-echo"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def post(room: Running, body: Any, **headers: str) -> httpx2.Response:
    return await room.client.post("/v1/notes", json=body, headers=headers)


async def send(room: Running, content: bytes, media: str = "application/json") -> httpx2.Response:
    return await room.client.post("/v1/notes", content=content, headers={"content-type": media})


async def test_unknown_address_is_404_without_its_path(room: Running) -> None:
    answer = await room.client.get(f"/v1/{ECHO}")

    assert problem(answer)["code"] == "not-found"
    assert ECHO not in answer.text


@pytest.mark.parametrize("path", ["/v1/notes/", "//v1/notes", "/V1/notes", "/docs", "/redoc", "/v1/no%00te"])
async def test_address_that_is_not_quite_right_is_404(room: Running, path: str) -> None:
    assert (await room.client.get(path)).status_code == 404


async def test_wrong_method_is_405_with_all_that_are_allowed(room: Running) -> None:
    answer = await room.client.delete("/v1/notes")

    assert problem(answer)["code"] == "method-not-allowed"
    assert set(answer.headers["allow"].split(", ")) == {"GET", "POST"}


async def test_404_and_405_come_before_401(room: Running) -> None:
    assert (await room.client.get("/v1/mine/nothing")).status_code == 404
    assert (await room.client.delete("/v1/mine")).status_code == 405


async def test_401_comes_before_the_body_is_looked_at(room: Running) -> None:
    for content, media in ((b"{", "application/json"), (b"x" * 100_000, "application/json"), (b"x", "text/plain")):
        answer = await room.client.put("/v1/mine", content=content, headers={"content-type": media})

        assert problem(answer)["code"] == "not-authenticated"
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_caller_is_found_through_other_dependencies(room: Running) -> None:
    user = uuid7()

    assert (await room.client.get("/v1/deep")).status_code == 401
    assert (await room.client.get("/v1/deep", headers=room.bearer(user))).json() == {"user_id": str(user)}


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"])
async def test_other_media_types_are_415(room: Running, media: str) -> None:
    assert problem(await send(room, b'{"title": "a"}', media))["code"] == "unsupported-media-type"


async def test_json_with_a_charset_is_read(room: Running) -> None:
    assert (await send(room, b'{"title": "a"}', "Application/JSON; charset=utf-8")).status_code == 201


async def test_body_above_the_limit_is_413_with_and_without_its_length(room: Running) -> None:
    async def chunks() -> Any:
        for _ in range(70):
            yield b" " * 1000

    told = await send(room, b" " * 65_537)
    untold = await room.client.post("/v1/notes", content=chunks(), headers={"content-type": "application/json"})

    assert problem(told)["code"] == problem(untold)["code"] == "body-too-large"
    assert (await send(room, b'{"title": "a"}'.ljust(65_536))).status_code == 201


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"title",
        b'{"title": "\xff"}',
        b'{"title": NaN}',
        b"[" * 60_000,
        b'{"title": "a\\u0000"}',
        b'{"ti\\u0000tle": "a"}',
        b'{"title": "\\ud83d"}',
        b'{"title": "\xed\xa0\xbd"}',
        b'{"ti\\udfffle": "a"}',
        b'{"size": ' + b"9" * 5000 + b"}",
    ],
)
async def test_what_is_no_json_is_400(room: Running, content: bytes) -> None:
    assert problem(await send(room, content))["code"] == "invalid-json"


async def test_a_sign_beyond_the_first_plane_is_a_text_in_both_forms(room: Running) -> None:
    assert (await send(room, b'{"title": "\\ud83d\\ude8a"}')).json() == {"title": "\N{TRAM}"}
    assert (await send(room, '{"title": "\N{TRAM}\uc9c0"}'.encode())).json() == {"title": "\N{TRAM}\uc9c0"}


async def test_escaped_backslash_before_u0000_is_a_text(room: Running) -> None:
    assert (await send(room, b'{"title": "a\\\\u0000"}')).json() == {"title": "a\\u0000"}


async def test_fields_are_named_with_codes_and_not_echoed(room: Running) -> None:
    answer = await post(room, {"size": ECHO, ECHO: ECHO})

    assert field_codes(answer) == {"title": "missing", "size": "invalid", "": "unknown-field"}
    assert ECHO not in answer.text


@pytest.mark.parametrize("content", [b"[]", b"null", b'"text"', b"1", b'{"title": {"a": 1}}'])
async def test_json_of_another_shape_is_422(room: Running, content: bytes) -> None:
    assert problem(await send(room, content))["code"] == "invalid-fields"


async def test_query_is_checked_like_a_body(room: Running) -> None:
    assert field_codes(await room.client.get("/v1/notes?limit=0")) == {"limit": "invalid"}
    assert (await room.client.get("/v1/notes?limit=%00")).status_code == 400


async def test_refusal_about_a_field_is_one_line_of_a_422(room: Running) -> None:
    assert field_codes(await post(room, {"title": "short"})) == {"title": "title-too-short"}


async def test_several_refusals_stand_in_the_order_of_the_form(room: Running) -> None:
    body = problem(await post(room, {"title": "both"}))

    assert [(error["field"], error["code"], error.get("least")) for error in body["errors"]] == [
        ("title", "title-too-short", None),
        ("size", "size-wrong", 3),
    ]


async def test_refusal_that_is_not_about_a_field_stands_at_the_top(room: Running) -> None:
    body = problem(await post(room, {"title": "taken"}))

    assert (body["status"], body["code"], body["owner"], body["type"]) == (
        409,
        "note-taken",
        "somebody",
        "urn:kabinet:problem:note-taken",
    )


async def test_429_says_when(room: Running) -> None:
    assert (await post(room, {"title": "much"})).headers["retry-after"] == "17"


async def test_details_are_russian_by_default_and_english_where_asked(room: Running) -> None:
    default = problem(await post(room, {"title": "gone"}))
    english = problem(await post(room, {"title": "gone"}, **{"Accept-Language": "de, en;q=0.8, ru;q=0.3"}))

    assert english["detail"] == "There is nothing here."
    assert default["detail"] != english["detail"]
    assert any("а" <= letter <= "я" for letter in default["detail"])


async def test_bug_is_500_without_a_trace_in_answer_or_log(room: Running, capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    our_logging.configure("room")
    try:
        answer = await post(room, {"title": "bug"}, **{"X-Request-Id": "abc-1", "traceparent": TRACE})
    finally:
        root.handlers, root.level = before[0], before[1]
        structlog.reset_defaults()

    assert problem(answer)["code"] == "internal-error"
    assert (answer.headers["x-request-id"], answer.headers["traceparent"]) == ("abc-1", TRACE)
    logged = capsys.readouterr().out
    assert CANARY not in answer.text + logged
    failed = [json.loads(line) for line in logged.splitlines() if "request_failed" in line]
    assert failed[0]["request_id"] == "abc-1"
    assert "room.py" in failed[0]["exception"]


async def test_answer_that_takes_too_long_is_503(open_room: Any) -> None:
    room = await open_room(request_seconds=0.2)

    answer = await post(room, {"title": "slow"})

    assert problem(answer)["code"] == "unavailable"
    assert answer.headers["retry-after"]


async def test_database_that_is_away_is_503(room_without_database: Running) -> None:
    room = room_without_database

    answer = await room.client.get("/v1/mine", headers=room.bearer(uuid7()))

    assert problem(answer)["code"] == "unavailable"
    assert answer.headers["retry-after"]


async def test_request_id_and_trace_are_taken_over_and_returned(room: Running) -> None:
    answer = await room.client.get("/v1/notes", headers={"X-Request-Id": "a-1", "traceparent": TRACE})

    assert (answer.headers["x-request-id"], answer.headers["traceparent"]) == ("a-1", TRACE)


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, 'a"b', "<script>"])
async def test_request_id_of_another_form_is_replaced(room: Running, given: str) -> None:
    answer = await room.client.get("/v1/notes", headers={"X-Request-Id": given, "traceparent": given})

    assert answer.headers["x-request-id"] not in ("", given)
    assert len(answer.headers["traceparent"]) == 55


async def test_every_answer_has_an_id_and_forbids_caching(room: Running) -> None:
    for path in ("/v1/notes", "/nothing", "/v1/mine", "/livez"):
        answer = await room.client.get(path)

        assert answer.headers["x-request-id"]
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers


async def test_address_is_the_one_behind_the_trusted_proxy(room: Running) -> None:
    answer = await room.client.get("/v1/address", headers={"X-Forwarded-For": "192.0.2.1, 2001:db8:1:2:3::4"})

    assert answer.json() == {"address": "2001:db8:1:2::"}


async def test_openapi_describes_every_route(room: Running) -> None:
    described = (await room.client.get("/openapi.json")).json()

    assert {"/v1/notes", "/v1/mine"} <= described["paths"].keys()


async def test_livez_needs_nothing_and_readyz_names_what_is_missing(room_without_database: Running) -> None:
    room = room_without_database

    assert (await room.client.get("/livez")).status_code == 200
    ready = await room.client.get("/readyz")
    assert (ready.status_code, list(ready.json()["missing"])) == (503, ["database"])
    assert ready.headers["retry-after"]


async def test_broker_that_is_away_is_degraded_in_a_200(room: Running) -> None:
    ready = await room.client.get("/readyz")

    assert (ready.status_code, ready.json()) == (
        200,
        {"status": "degraded", "degraded": {"broker": "no broker answers"}},
    )


async def test_schema_that_is_older_is_not_ready_and_a_newer_one_is(room: Running) -> None:
    await room.rows(
        "UPDATE alembic_version SET version_num = 'verification_9999' WHERE version_num LIKE 'verif%' RETURNING 1"
    )
    assert (await room.client.get("/readyz")).status_code == 200

    older = "the schema is older than this release needs: run `migrate`"
    await room.rows("DELETE FROM alembic_version WHERE version_num LIKE 'kernel%' RETURNING 1")
    ready = await room.client.get("/readyz")
    assert (ready.status_code, ready.json()["missing"]) == (503, {"database": older})

    connection = await room.kernel.database.connect()  # as before the first `migrate`
    await connection.execute("DROP TABLE alembic_version")
    await connection.close()
    ready = await room.client.get("/readyz")
    assert (ready.status_code, ready.json()["missing"]) == (503, {"database": older})


async def test_metrics_name_routes_by_their_template(room: Running) -> None:
    await room.client.get("/v1/notes?limit=77")
    await room.client.get(f"/v1/{ECHO}")

    scraped = (await room.client.get("/metrics")).text

    assert 'route="/v1/notes",status="200"' in scraped
    assert ECHO not in scraped
    assert "kabinet_outbox_waiting_rows 0.0" in scraped
