"""The doors, refusal by refusal."""

from typing import Any
from uuid import uuid4

import pytest

from tests.kit import problem

from .conftest import NUMBER, House

REFUSED: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"account_number": NUMBER, "amount": "1234"}, [("amount", "amount-needs-kopecks")]),
    ({"account_number": NUMBER, "amount": "1234,5"}, [("amount", "amount-needs-kopecks")]),
    ({"account_number": NUMBER, "amount": "1e3"}, [("amount", "amount-invalid")]),
    ({"account_number": NUMBER, "amount": "１２３４.００"}, [("amount", "amount-invalid")]),
    ({"account_number": NUMBER, "amount": "1_000.00"}, [("amount", "amount-invalid")]),
    ({"account_number": NUMBER, "amount": "NaN"}, [("amount", "amount-invalid")]),
    ({"account_number": NUMBER, "amount": "-5.00"}, [("amount", "amount-invalid")]),
    ({"account_number": NUMBER, "amount": ""}, [("amount", "amount-invalid")]),
    ({"account_number": NUMBER, "amount": "0.00"}, [("amount", "amount-zero")]),
    ({"account_number": "1234", "amount": "1.00"}, [("account_number", "account-number-invalid")]),
    ({"account_number": "６７１２３４５６", "amount": "1.00"}, [("account_number", "account-number-invalid")]),
    (
        {"account_number": "x", "amount": "1"},
        [("account_number", "account-number-invalid"), ("amount", "amount-needs-kopecks")],
    ),
    ({"account_number": NUMBER, "amount": 1234.00}, [("amount", "invalid")]),
    ({"account_number": NUMBER}, [("amount", "missing")]),
    ({"account_number": NUMBER, "amount": "1.00", "user_id": "x"}, [("", "unknown-field")]),
]


async def test_request_in_another_form_is_refused_by_field_and_name(house: House) -> None:
    user = uuid4()

    for body, errors in REFUSED:
        told = problem(answer := await house.call("POST", "/v1/link-requests", user, json=body))
        assert (answer.status_code, told["code"]) == (422, "invalid-fields"), body
        assert [(error["field"], error["code"]) for error in told["errors"]] == errors, body

    assert await house.count("link_requests") == await house.count("link_attempts") == 0


@pytest.mark.parametrize(
    ("language", "detail"),
    [("ru", "Добавьте копейки, например 1234,00."), ("en", "Add the kopecks, for example 1234.00.")],
)
async def test_refusals_speak_the_callers_language(house: House, language: str, detail: str) -> None:
    answer = await house.ask(uuid4(), amount="1234", **{"Accept-Language": language})

    assert answer.json()["errors"][0]["detail"] == detail


async def test_number_is_kept_without_spaces_and_hyphens(known: House) -> None:
    answer = await known.ask(uuid4(), number=" 6712-34 56")

    assert answer.json()["account_number"] == NUMBER


async def test_accepted_request_tells_where_it_is(house: House) -> None:
    user = uuid4()

    answer = await house.ask(user)

    body = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/link-requests/{body['id']}"
    assert {"id", "status", "account_number", "created_at"} <= body.keys()
    assert (body["status"], body["account_number"]) == ("pending", NUMBER)
    assert body == await house.get(user, answer.headers["location"])


async def test_every_door_asks_who_is_there(house: House) -> None:
    doors = [
        ("POST", "/v1/link-requests"),
        ("GET", "/v1/link-requests"),
        ("GET", f"/v1/link-requests/{uuid4()}"),
        ("GET", "/v1/accounts"),
        ("PATCH", f"/v1/accounts/{NUMBER}"),
        ("DELETE", f"/v1/accounts/{NUMBER}"),
        ("GET", f"/v1/accounts/{NUMBER}/holders"),
        ("DELETE", f"/v1/accounts/{NUMBER}/holders/{uuid4()}"),
    ]

    for method, path in doors:
        told = problem(answer := await house.running.client.request(method, path))
        assert (answer.status_code, told["code"]) == (401, "not-authenticated"), path
        assert "WWW-Authenticate" in answer.headers, path


async def test_what_belongs_to_somebody_else_is_not_there(known: House) -> None:
    owner, stranger = uuid4(), uuid4()
    asked = await known.ask_and_work(owner)
    [link] = (await known.get(owner, f"/v1/accounts/{NUMBER}/holders"))["items"]

    answers = [
        await known.call("GET", f"/v1/link-requests/{asked['id']}", stranger),
        await known.call("GET", f"/v1/link-requests/{asked['id']}?wait=5", stranger),
        await known.call("GET", f"/v1/link-requests/{uuid4()}", stranger),
        await known.call("GET", "/v1/link-requests/not-an-id", stranger),
        await known.call("PATCH", f"/v1/accounts/{NUMBER}", stranger, json={"alias": "mine"}),
        await known.call("DELETE", f"/v1/accounts/{NUMBER}", stranger),
        await known.call("DELETE", "/v1/accounts/6712%003456", stranger),
        await known.call("GET", f"/v1/accounts/{NUMBER}/holders", stranger),
        await known.call("DELETE", f"/v1/accounts/{NUMBER}/holders/{link['link_id']}", stranger),
    ]

    assert [answer.status_code for answer in answers] == [404] * 9
    assert {answer.json()["code"] for answer in answers} == {"not-found"}
    assert [account["alias"] for account in await known.accounts(owner)] == [""]


async def test_already_linked_is_told_to_its_holder_only(known: House) -> None:
    holder, other = uuid4(), uuid4()
    await known.ask_and_work(holder)

    again, fresh = await known.ask(holder), await known.ask(other)

    assert (again.status_code, again.json()["code"]) == (409, "already-linked")
    assert fresh.status_code == 202


async def test_pending_request_is_named_by_its_location(house: House) -> None:
    user = uuid4()
    first = await house.ask(user)

    second = await house.ask(user, amount="5.00")

    assert (second.status_code, second.json()["code"]) == (409, "link-pending")
    assert second.headers["location"] == first.headers["location"]


@pytest.mark.parametrize("wait", ["21", "-1", "x"])
async def test_wait_of_another_length_is_refused(house: House, wait: str) -> None:
    answer = await house.call("GET", f"/v1/link-requests/{uuid4()}?wait={wait}", uuid4())

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-fields")


async def test_requests_are_listed_newest_first_page_by_page(house: House) -> None:
    user = uuid4()
    numbers = ["11111", "22222", "33333"]
    for number in numbers:
        assert (await house.ask(user, number=number)).status_code == 202
    await house.ask(uuid4(), number="44444")

    first = await house.get(user, "/v1/link-requests?limit=2")
    second = await house.get(user, f"/v1/link-requests?limit=2&cursor={first['next_cursor']}")

    assert [item["account_number"] for item in first["items"] + second["items"]] == numbers[::-1]
    assert second["next_cursor"] is None


async def test_alias_is_kept_shown_and_taken_away(known: House) -> None:
    user = uuid4()
    await known.ask_and_work(user)
    path = f"/v1/accounts/{NUMBER}"

    named = await known.call("PATCH", path, user, json={"alias": " Дача "})
    [listed] = await known.accounts(user)
    too_long = await known.call("PATCH", path, user, json={"alias": "д" * 41})
    emptied = await known.call("PATCH", path, user, json={"alias": ""})

    assert named.status_code == 200
    assert named.json() == listed
    assert listed["alias"] == "Дача"
    assert [error["code"] for error in too_long.json()["errors"]] == ["alias-too-long"]
    assert emptied.json()["alias"] == ""


async def test_openapi_names_every_door(house: House) -> None:
    paths = (await house.running.client.get("/openapi.json")).json()["paths"]

    assert {(path, method) for path, methods in paths.items() for method in methods} == {
        ("/v1/link-requests", "post"),
        ("/v1/link-requests", "get"),
        ("/v1/link-requests/{request_id}", "get"),
        ("/v1/accounts", "get"),
        ("/v1/accounts/{account_number}", "patch"),
        ("/v1/accounts/{account_number}", "delete"),
        ("/v1/accounts/{account_number}/holders", "get"),
        ("/v1/accounts/{account_number}/holders/{link_id}", "delete"),
    }
