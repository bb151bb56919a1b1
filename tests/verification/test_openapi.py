"""The OpenAPI is what a stranger generates a client from: complete, true, and nothing answers otherwise."""

import json
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
import schemathesis
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.schemas import APIOperation

from shared.refusals import Refusal
from tests.kit import Running
from tests.verification.asking import ask, asked, check, phones, send_again, wrong
from tests.verification.conftest import Open
from verification import api, rules

EXAMPLES = 25
Made = schemathesis.Case[Any]
ROUTES = {
    ("POST", "/v1/codes"): "ask_for_code",
    ("POST", "/v1/codes/{code_id}/sends"): "send_code_again",
    ("POST", "/v1/codes/{code_id}/check"): "check_code",
}
"""Every route, none of which asks for a login: what guards them are the budgets. A new one is judged, then listed."""


@pytest.fixture
async def described(verification: Running) -> dict[str, Any]:
    document: dict[str, Any] = (await verification.client.get("/openapi.json")).json()
    return document


def operations(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["operationId"]: one for path in document["paths"].values() for one in path.values()}


def examples(response: Mapping[str, Any]) -> dict[str, Any]:
    """`{code: example}` of one documented answer."""
    content = response["content"]["application/problem+json"]
    return {code: example["value"] for code, example in content["examples"].items()}


def test_every_route_is_listed_here() -> None:
    routes = [route for route in api.routes.routes if isinstance(route, APIRoute)]

    assert {(method, route.path): route.operation_id for route in routes for method in route.methods or ()} == ROUTES


async def test_document_holds_the_routes_and_nothing_else(described: dict[str, Any]) -> None:
    found = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}

    assert found == set(ROUTES)
    assert set(operations(described)) == set(ROUTES.values())


async def test_every_refusal_of_the_rules_is_documented_with_an_example(described: dict[str, Any]) -> None:
    told: dict[str, dict[int, set[str]]] = {}
    for name, operation in operations(described).items():
        for status, response in operation["responses"].items():
            if status.isdigit() and int(status) >= 400:
                codes = {example["code"] for example in examples(response).values()}
                codes |= {error["code"] for one in examples(response).values() for error in one.get("errors", [])}
                told.setdefault(name, {})[int(status)] = codes

    by_route: dict[str, list[type[Refusal]]] = {
        "ask_for_code": [rules.PhoneInvalid, rules.TooManyCodes, rules.CodesUnavailable],
        "send_code_again": [rules.TooManyCodes, rules.CodesUnavailable, rules.CodeNotValid],
        "check_code": [rules.WrongCode, rules.CodesUnavailable, rules.CodeNotValid],
    }
    for name, refusals in by_route.items():
        assert all(refusal.code in told[name][refusal.status] for refusal in refusals)
    everywhere = {code for statuses in told.values() for codes in statuses.values() for code in codes}
    assert {one.code for one in _refusals(Refusal) if one.__module__ == "verification.rules"} <= everywhere


def _refusals(above: type[Refusal]) -> list[type[Refusal]]:
    below = [one for child in above.__subclasses__() for one in [child, *_refusals(child)]]
    return [one for one in below if hasattr(one, "code")]


async def test_every_field_and_every_answer_has_an_example(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    for name in ("CodeBody", "CheckBody", "CodeAnswer", "ProofAnswer"):
        assert all(field.get("examples") for field in schemas[name]["properties"].values()), name
    for operation in operations(described).values():
        assert operation["summary"]
        assert operation["description"]
        for status, response in operation["responses"].items():
            assert response["description"]
            if status.isdigit() and int(status) >= 400:
                assert examples(response)


async def test_examples_are_of_the_form_that_they_illustrate(described: dict[str, Any]) -> None:
    for operation in operations(described).values():
        for status, response in operation["responses"].items():
            if not status.isdigit() or int(status) < 400:
                continue
            form = response["content"]["application/problem+json"]["schema"]
            for code, example in examples(response).items():
                Draft202012Validator(form).validate(example)
                assert example["status"] == int(status)
                assert code in (example["code"], *(error["code"] for error in example.get("errors", [])))


async def test_answers_are_of_the_documented_form(verification: Running, described: dict[str, Any]) -> None:
    code_id, code = await asked(verification)
    answers = {
        "ask_for_code": [
            await ask(verification, "+79130000001"),
            await ask(verification),
            await ask(verification, "1"),
        ],
        "check_code": [await check(verification, code_id, wrong(code)), await check(verification, code_id, code)],
        "send_code_again": [await send_again(verification, code_id)],
    }

    for name, found in answers.items():
        for answer in found:
            validate(described, name, answer)


def validate(document: dict[str, Any], name: str, answer: httpx2.Response) -> None:
    """The answer's status, media type and body are in the document."""
    responses = operations(document)[name]["responses"]
    assert str(answer.status_code) in responses, (name, answer.status_code, answer.text)
    media = answer.headers["content-type"].partition(";")[0]
    content = responses[str(answer.status_code)]["content"]
    assert media in content, (name, answer.status_code, media)
    form = {**content[media]["schema"], "components": document["components"]}
    Draft202012Validator(form).validate(json.loads(answer.text))
    if answer.status_code in (429, 503):
        assert int(answer.headers["retry-after"]) >= 1


def cases(operation: APIOperation[Any, Any, Any, Any]) -> list[Made]:
    """Calls as the document allows them, and calls as it does not."""
    made: list[Made] = []
    for mode in GenerationMode:

        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],
        )
        @given(operation.as_strategy(generation_mode=mode))
        def collect(case: Made) -> None:
            made.append(case)

        collect()
    return made


async def sent(running: Running, case: Made) -> httpx2.Response:
    call = case.as_transport_kwargs(base_url="http://kabinet.test")
    body = json.dumps(call["json"]) if "json" in call else call.get("data")
    return await running.client.request(
        call["method"], call["url"], params=call["params"], headers=dict(call["headers"]), content=body
    )


async def test_schemathesis_finds_no_failure_and_no_undocumented_answer(open_verification: Open) -> None:
    """What it makes up, valid and not, goes to the application in this process; codes that live are among the ids."""
    verification = await open_verification(address_sends_per_hour=20, phone_sends_per_day=1000, resend_after_seconds=0)
    document = (await verification.client.get("/openapi.json")).json()
    schema = schemathesis.openapi.from_dict(document)
    seen: dict[str, set[int]] = {}
    code_id, _ = await asked(verification)
    numbers = phones("+7913000")

    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        name = operation.definition.raw["operationId"]
        for number, case in enumerate(cases(operation)):
            if number % 2 and "code_id" in case.path_parameters:
                case.path_parameters["code_id"] = code_id
            if number % 2 and isinstance(case.body, dict) and isinstance(case.body.get("phone"), str):
                case.body["phone"] = next(numbers)  # no text that is made up is a valid number
            answer = await sent(verification, case)
            seen.setdefault(name, set()).add(answer.status_code)
            assert answer.status_code != 500, (name, case.as_curl_command())
            validate(document, name, answer)

    assert {202, 422} <= seen["ask_for_code"]
    assert {410, 422} <= seen["check_code"]
    assert seen["send_code_again"] & {202, 410, 422, 429}
