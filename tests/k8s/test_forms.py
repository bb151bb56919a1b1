"""Every document has the form that its kind wants; a field that the kind does not know is an error."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from tests.k8s.rendering import Document, Overlay

KUBERNETES = "1.34"
"""The oldest that is supported: the pause before the end of a pod (`preStop.sleep`) is for good from there on."""
CRDS = Path(__file__).parent / "crds"


def strict(schema: Any) -> Any:
    """A CRD's schema as JSON Schema: what it does not name is not allowed, as the server has it (`fieldValidation`)."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            found[key] = {name: strict(each) for name, each in value.items()}
        elif not key.startswith("x-") and key not in ("default", "format", "nullable"):
            found[key] = (
                strict(value) if key in ("items", "additionalProperties", "allOf", "anyOf", "oneOf", "not") else value
            )
    if (
        "properties" in found
        and "additionalProperties" not in found
        and not schema.get("x-kubernetes-preserve-unknown-fields")
    ):
        found["additionalProperties"] = False
    return found


def custom() -> dict[tuple[str, str], Any]:
    """The schemas of the operators' kinds, by apiVersion and kind."""
    found = {}
    for file in sorted(CRDS.glob("*.json")):
        spec = json.loads(file.read_text())["spec"]
        for version in spec["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            schema["properties"] |= {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
            found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return found


CUSTOM = custom()


def problems(document: Document) -> list[str]:
    """What is wrong with its form."""
    schema = CUSTOM.get((document["apiVersion"], document["kind"]))
    if schema is not None:
        found = jsonschema.Draft202012Validator(schema).iter_errors(document)
        return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in found]
    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as problem:
        return [f"{'.'.join(map(str, problem.path))}: {problem.message[:200]}"]
    return []


def test_every_document_has_the_form_of_its_kind(overlay: Overlay) -> None:
    told = [
        f"{each['kind']} {each['metadata']['name']}: {said}" for each in overlay.documents for said in problems(each)
    ]

    assert told == []


def test_every_object_has_a_name_of_its_own_in_the_namespace(overlay: Overlay) -> None:
    names = [(each["apiVersion"], each["kind"], each["metadata"]["name"]) for each in overlay.documents]

    assert len(set(names)) == len(names)
    assert {each["metadata"].get("namespace") for each in overlay.documents if each["kind"] != "Namespace"} == {
        "kabinet"
    }


def test_dev_needs_no_operator(overlays: dict[str, Overlay]) -> None:
    kinds = {(each["apiVersion"], each["kind"]) for each in overlays["dev"].documents}

    assert not kinds & CUSTOM.keys()
    assert all(
        "." not in api.partition("/")[0].removesuffix(".k8s.io") or api.startswith("networking.k8s.io")
        for api, _kind in kinds
    )


@pytest.mark.parametrize(
    ("kind", "name", "path"),
    [
        ("Deployment", "identity-api", ("spec", "template", "spec", "containers", 0)),
        ("Kafka", "kabinet", ("spec", "kafka")),
        ("KafkaUser", "identity", ("spec", "authorization", "acls", 0)),
        ("Cluster", "identity-db", ("spec", "postgresql")),
        ("HTTPRoute", "kabinet", ("spec", "rules", 0)),
        ("ScaledObject", "notifier-worker", ("spec", "triggers", 0)),
        ("ExternalSecret", "identity-keys", ("spec", "target")),
        ("PodMonitor", "kabinet", ("spec",)),
        ("ObjectStore", "kabinet-backups", ("spec", "configuration")),
    ],
)
def test_a_field_that_its_kind_does_not_know_is_found(
    production: Overlay, kind: str, name: str, path: tuple[str | int, ...]
) -> None:
    document = json.loads(json.dumps(production.one(kind, name)))
    place = document
    for step in path:
        place = place[step]

    place["misspelt"] = "x"

    assert any("misspelt" in said for said in problems(document))
