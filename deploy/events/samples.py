"""Golden samples: a record of each event version as it was when it was released, its sealed part beside it in clear."""

import json
from pathlib import Path
from typing import Any

from deploy.events.wire import classes
from shared.events import encode
from shared.keys import PublicKeys
from shared.sealed import seal

FOLDER = Path(__file__).resolve().parents[2] / "tests/contracts"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
"""The example of W3C Trace Context."""


def type_of(sample: Path) -> str:
    """`<type>.json`, and `<type>+<field>.json` for a field that came later."""
    return sample.stem.partition("+")[0]


def missing(folder: Path = FOLDER) -> list[str]:
    """Where the sample of a type must be and is not."""
    return [f"tests/contracts/{type_}.json" for type_ in classes() if not (folder / f"{type_}.json").exists()]


def complete(folder: Path = FOLDER) -> list[Path]:
    """Give key, headers and JWE to samples that have only `data` and `sealed` so far; never touch a complete one."""
    done = []
    for sample in sorted(folder.glob("*.json")):
        drafted: dict[str, Any] = json.loads(sample.read_text())
        if "headers" not in drafted:
            sample.write_text(
                json.dumps(_completed(type_of(sample), drafted, folder), indent=2, ensure_ascii=False) + "\n"
            )
            done.append(sample)
    return done


def _completed(type_: str, drafted: dict[str, Any], folder: Path) -> dict[str, Any]:
    event = classes()[type_].model_validate(drafted["data"])
    jwe = None
    if event.secrets is not None:
        jwe = seal(event, event.secrets.model_validate(drafted["sealed"]), PublicKeys(folder / "notifier.jwks"))
    headers, value = encode(event, jwe, TRACEPARENT)
    return {"key": event.key, "headers": headers, **drafted, "data": json.loads(value)}
