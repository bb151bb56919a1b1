"""The bill of materials of a service's image: CycloneDX 1.5 in JSON, the same bytes for the same packages."""

import hashlib
import json
from importlib.metadata import distribution
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from deploy.supply import closure
from deploy.supply.licences import licence_of

GOVUK = "services/portal/src/portal/static/govuk"
BREACHED = "services/identity/src/identity/breached_passwords.bloom"


def text(service: str) -> str:
    """Python packages with licences, and what was taken into the repository. The base image's are a scanner's to add.

    Where uv's lock took each file from is left out: whoever builds has another registry (docs/decisions/0002).
    """
    document = closure.shipped(service)
    about = document["metadata"]
    about.pop("timestamp")
    about["component"] |= {"type": "application", "name": f"kabinet-{service}", "licenses": _licensed(service)}
    about["component"].pop("properties", None)
    components = [_component(component) for component in document["components"]] + _taken(service)
    held = {about["component"]["bom-ref"], *(component["bom-ref"] for component in components)}
    document["components"] = components
    document["dependencies"] = [
        {"ref": line["ref"], "dependsOn": [ref for ref in line.get("dependsOn", ()) if ref in held]}
        for line in document["dependencies"]
        if line["ref"] in held
    ]
    document["serialNumber"] = uuid5(NAMESPACE_URL, json.dumps(components, sort_keys=True)).urn
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _component(found: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in found.items() if name not in ("externalReferences", "properties")}
    return kept | {"licenses": _licensed(found["name"])}


def _licensed(name: str) -> list[dict[str, str]]:
    return [{"expression": licence_of(distribution(name))}]


def _taken(service: str) -> list[dict[str, Any]]:
    found: dict[str, Any]
    match service:
        case "portal":
            first = (closure.ROOT / GOVUK / "README.md").read_text().splitlines()[0]
            name, version = first.removeprefix("# ").split()
            purl = f"pkg:npm/{name}@{version}"
            changed = {"notes": "the typeface, the crest and references to source maps are left out"}
            found = {"type": "library", "name": name, "version": version, "purl": purl, "pedigree": changed}
        case "identity":
            digest = hashlib.sha256((closure.ROOT / BREACHED).read_bytes()).hexdigest()
            hashes = [{"alg": "SHA-256", "content": digest}]
            found = {"type": "data", "name": "breached_passwords.bloom", "hashes": hashes}
            found["description"] = "a filter of hashes made from SecLists' common-credentials-1M"
        case _:
            return []
    return [found | {"bom-ref": str(found["name"]), "licenses": [{"expression": "MIT"}]}]
