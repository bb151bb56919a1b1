"""`make manifests`: what of deploy/k8s is made from other files; `… secrets`: what the dev overlay keeps closed."""

import argparse
import sys
from pathlib import Path

from deploy import keys
from deploy.k8s import databases, dev_secrets, edge, kafka, monitoring, stored_secrets
from deploy.k8s.documents import text

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COMPONENTS = HERE / "components"


def files() -> dict[Path, str]:
    """What each made file must hold."""
    made = {
        COMPONENTS / "kafka/topics.yaml": text("deploy/topics.yaml", kafka.topic_documents()),
        COMPONENTS / "kafka/users.yaml": text("deploy/topics.yaml and HEARD of each service", kafka.user_documents()),
        COMPONENTS / "autoscaling/workers.yaml": text(
            "deploy/topics.yaml and HEARD of each service", kafka.scaler_documents()
        ),
        COMPONENTS / "postgres/databases.yaml": text("deploy/k8s/databases.py", databases.documents()),
        COMPONENTS / "secrets/secrets.yaml": text("deploy/k8s/stored_secrets.py", stored_secrets.documents()),
        COMPONENTS / "edge/route.yaml": text("deploy/gateway/nginx.conf", edge.documents()),
        COMPONENTS / "monitoring/rules.yaml": text("deploy/observability/rules.yml", monitoring.documents()),
    }
    # kubectl takes no file from outside of a kustomization's own folder: copies.
    for name in ("nginx.conf", "site.conf", "words.conf"):
        made[HERE / "base/gateway" / name] = (edge.GATEWAY / name).read_text()
    # Dashboards stay where they are: a list beside them makes a folder that kubectl takes.
    made[monitoring.DASHBOARDS / "kustomization.yaml"] = text("the files in this folder", [monitoring.dashboards()])
    servers = HERE / "overlays/dev/servers"
    made[servers / "databases.sh"] = (ROOT / "deploy/compose/databases.sh").read_text()
    made[servers / "kafka.env"] = (ROOT / "deploy/compose/env/kafka.env").read_text()
    return made


def stale() -> list[Path]:
    """Files that are not as they must be."""
    return sorted(path for path, content in files().items() if not path.exists() or path.read_text() != content)


def _make() -> None:
    wanted = files()
    for path in stale():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path])
        print(f"written: {path.relative_to(ROOT)}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.k8s", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["manifests", "secrets"], default="manifests")
    if parser.parse_args().what == "manifests":
        _make()
        return 0
    try:
        dev_secrets.make(dev_secrets.FOLDER)
    except (OSError, keys.KeysExist) as problem:
        print(problem, file=sys.stderr)
        return 1
    print(f"Keys and passwords are in {dev_secrets.FOLDER.relative_to(ROOT)}; what was there stays as it was.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
