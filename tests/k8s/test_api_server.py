"""A real kube-apiserver takes both overlays, one release over another, and no pod that is not restricted."""

import json
import os
from collections.abc import AsyncIterator
from copy import deepcopy

import pytest

from tests.k8s.api_server import REQUIRED, ApiServer, api_server, program
from tests.k8s.rendering import Document, Overlay, Pod
from tests.k8s.test_forms import CRDS
from tests.k8s.test_releases import Edit, edited
from tests.kit import eventually

__all__ = ["edited"]

OF_THE_OPERATORS = [json.loads(file.read_text()) for file in sorted(CRDS.glob("*.json"))]


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ApiServer]:
    """With the operators' kinds and the namespace, so that everything else can be tried in it."""
    if (built := program()) is None:
        wanted = "no control plane on this machine: it is built from tests/k8s/controlplane (deploy/k8s/README.md)"
        if os.environ.get("KABINET_CONTROL_PLANE") == REQUIRED:
            pytest.fail(wanted)
        pytest.skip(wanted)
    async with api_server(built, tmp_path_factory.mktemp("api")) as api:
        for kind in OF_THE_OPERATORS:
            status, told, _ = await api.apply(kind)
            assert status in (200, 201), told
        for kind in OF_THE_OPERATORS:
            spec = kind["spec"]
            version, name = f"{spec['group']}/{spec['versions'][0]['name']}", spec["names"]["kind"]

            async def served(version: str = version, name: str = name) -> bool:
                return await api.serves(version, name)

            await eventually(served, 30)
        yield api


@pytest.fixture
async def namespaced(server: ApiServer, overlays: dict[str, Overlay]) -> ApiServer:
    status, told, _ = await server.apply(overlays["production"].one("Namespace", "kabinet"))
    assert status in (200, 201), told
    return server


async def refused(server: ApiServer, overlay: Overlay, *, dry: bool) -> list[str]:
    """What the server says against any of its documents, warnings too."""
    found = []
    for each in overlay.documents:
        status, told, warnings = await server.apply(each, dry=dry)
        if status not in (200, 201) or warnings:
            found.append(f"{each['kind']} {each['metadata']['name']}: {status} {told.get('message', '')} {warnings}")
    return found


async def test_an_overlay_is_taken_whole(namespaced: ApiServer, overlay: Overlay) -> None:
    assert await refused(namespaced, overlay, dry=True) == []


async def test_the_same_again_changes_nothing(namespaced: ApiServer, production: Overlay) -> None:
    assert await refused(namespaced, production, dry=False) == []
    before = [await namespaced.apply(each, dry=True) for each in production.documents]

    assert await refused(namespaced, production, dry=False) == []

    after = [await namespaced.apply(each, dry=True) for each in production.documents]
    versions = [[told["metadata"]["resourceVersion"] for _status, told, _warned in each] for each in (before, after)]
    assert versions[0] == versions[1]


async def test_the_next_release_and_a_changed_setting_are_taken_over_it(
    namespaced: ApiServer, production: Overlay, edited: Edit
) -> None:
    assert await refused(namespaced, production, dry=False) == []
    edited("settings/notifier.env", ("smtp.example.org", "smtp.other.example"))

    later = edited("installation.env", ("RELEASE=0.1.0", "RELEASE=0.2.0"), ("MIGRATION=0-1-0", "MIGRATION=0-2-0"))

    assert await refused(namespaced, later, dry=False) == []
    assert await refused(namespaced, production, dry=False) == [], "and back"


async def test_a_migration_of_the_same_name_cannot_be_changed(namespaced: ApiServer, production: Overlay) -> None:
    """Why each release's has a name of its own."""
    job = deepcopy(dict(production.of("Job")[0]))
    assert (await namespaced.apply(job))[0] in (200, 201)
    job["spec"]["template"]["spec"]["containers"][0]["image"] += "-other"

    status, told, _ = await namespaced.apply(job)

    assert status == 422
    assert "field is immutable" in told["message"]


async def test_every_pod_is_let_into_a_restricted_namespace(namespaced: ApiServer, overlay: Overlay) -> None:
    for pod in overlay.pods():
        claims = _claims(overlay, pod) if pod.kind == "StatefulSet" else []
        made = _pod(pod.name, pod.labels, dict(pod.spec) | {"volumes": [*pod.spec.get("volumes", []), *claims]})

        status, told, warnings = await namespaced.create(made, dry=True)

        assert (status, warnings) == (201, []), told


async def test_a_pod_that_runs_as_anybody_is_not(namespaced: ApiServer, production: Overlay) -> None:
    pod = production.pod("identity-api")
    spec = deepcopy(pod.spec)
    spec["securityContext"]["runAsNonRoot"] = False

    status, told, _ = await namespaced.create(_pod("open", pod.labels, spec), dry=True)

    assert status == 403
    assert "violates PodSecurity" in told["message"]


def _claims(overlay: Overlay, pod: Pod) -> list[Document]:
    """A folder for each disk that the StatefulSet would ask for."""
    asked = overlay.one("StatefulSet", pod.name)["spec"].get("volumeClaimTemplates", [])
    return [{"name": each["metadata"]["name"], "emptyDir": {}} for each in asked]


def _pod(name: str, labels: dict[str, str], spec: Document) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name.replace(".", "-"), "namespace": "kabinet", "labels": labels},
        "spec": spec,
    }
