"""Bearer tokens: only a current access token of identity's opens a route, and only while its session lives."""

import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from uuid_utils.compat import uuid7

from shared.bearer import sessions_ended
from shared.contracts.identity import SessionsEnded
from shared.keys import PrivateKeys
from tests.kit import Running, problem

USER, SESSION = uuid7(), uuid7()


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    whole: dict[str, Any] = {
        "iss": "kabinet-identity",
        "aud": "kabinet",
        "sub": str(USER),
        "sid": str(SESSION),
        "jti": str(uuid7()),
    }
    whole |= {"iat": now, "exp": now + 300, **changed}
    return {name: value for name, value in whole.items() if value is not None}


def signed(room: Running, said: dict[str, Any], service: str = "identity", **header: Any) -> str:
    key = PrivateKeys(room.keys / f"{service}.private.jwks.json").signing()
    named = {"alg": "EdDSA", "typ": "at+jwt", "kid": key.kid, **header}
    return jwt.encode({name: value for name, value in named.items() if value}, said, key, algorithms=["EdDSA"])


def part(content: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def unsigned(_room: Running) -> str:
    return f"{part({'alg': 'none', 'typ': 'at+jwt'})}.{part(claims())}."


def with_hs256(room: Running) -> str:
    """The classic: the public key's own bytes taken for a shared secret."""
    public = room.kernel.public_keys.current_okp("identity", "sign")
    secret = OctKey.import_key(json.dumps(public.as_dict(private=False)).encode())
    header = {"alg": "HS256", "typ": "at+jwt", "kid": public.kid}
    return jwt.encode(header, claims(), secret, algorithms=["HS256"])


def tampered(room: Running) -> str:
    head, _body, signature = signed(room, claims()).split(".")
    return f"{head}.{part(claims(sub=str(uuid7())))}.{signature}"


REFUSED: dict[str, Callable[[Running], str]] = {
    "another type": lambda room: signed(room, claims(), typ="JWT"),
    "no type": lambda room: signed(room, claims(), typ=None),
    "a phone proof's type": lambda room: signed(room, claims(), typ="phone-proof+jwt"),
    "another audience": lambda room: signed(room, claims(aud="kabinet-identity")),
    "no audience": lambda room: signed(room, claims(aud=None)),
    "another issuer": lambda room: signed(room, claims(iss="kabinet-verification")),
    "run out": lambda room: signed(room, claims(exp=int(time.time()) - 10)),
    "no end": lambda room: signed(room, claims(exp=None)),
    "an end that is no time": lambda room: signed(room, claims(exp="later")),
    "no user": lambda room: signed(room, claims(sub=None)),
    "a user that is no id": lambda room: signed(room, claims(sub="1")),
    "no session": lambda room: signed(room, claims(sid=None)),
    "no id": lambda room: signed(room, claims(jti=None)),
    "verification's key": lambda room: signed(room, claims(), service="verification"),
    "an unknown key's name": lambda room: signed(room, claims(), kid="identity-sign-00000000"),
    "unsigned": unsigned,
    "HS256": with_hs256,
    "tampered": tampered,
    "nonsense": lambda _room: "a.b.c",
    "empty": lambda _room: "",
    "too long": lambda room: signed(room, claims(x="x" * 5000)),
    "not a claims object": lambda _room: f"{part({'alg': 'EdDSA', 'typ': 'at+jwt'})}.W10.x",
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_other_tokens_are_refused(room: Running, kind: str) -> None:
    answer = await room.client.get("/v1/mine", headers={"Authorization": f"Bearer {REFUSED[kind](room)}"})

    assert problem(answer)["code"] == "not-authenticated"
    assert answer.headers["www-authenticate"] == 'Bearer realm="kabinet"'


@pytest.mark.parametrize("header", ["", "Bearer", "Basic dXNlcjpwYXNz", "Token x"])
async def test_other_schemes_are_refused(room: Running, header: str) -> None:
    assert (await room.client.get("/v1/mine", headers={"Authorization": header})).status_code == 401


async def test_current_token_tells_user_and_session(room: Running) -> None:
    answer = await room.client.get("/v1/mine", headers={"Authorization": f"bearer {signed(room, claims())}"})

    assert answer.json() == {"user_id": str(USER), "session_id": str(SESSION)}


async def test_token_of_an_ended_session_is_refused(room: Running) -> None:
    session_id, other = uuid7(), uuid7()
    ended = SessionsEnded(user_id=USER, session_ids=[session_id], reason="logout")
    async with room.kernel.database.transaction() as session:
        await sessions_ended(session, ended, None)
        await sessions_ended(session, ended, None)

    assert (await room.client.get("/v1/mine", headers=room.bearer(USER, session_id))).status_code == 401
    assert (await room.client.get("/v1/mine", headers=room.bearer(USER, other))).status_code == 200


async def test_token_that_opened_the_route_runs_out_all_the_same(
    room: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = {"Authorization": f"Bearer {signed(room, claims())}"}
    before = await room.client.get("/v1/mine", headers=header)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 306)

    assert (before.status_code, (await room.client.get("/v1/mine", headers=header)).status_code) == (200, 401)


async def test_token_that_opened_the_route_ends_with_its_key(room: Running) -> None:
    header = {"Authorization": f"Bearer {signed(room, claims())}"}
    before = await room.client.get("/v1/mine", headers=header)
    file = room.kernel.public_keys.path
    kept = file.read_text()
    try:
        others = [key for key in json.loads(kept)["keys"] if not key["kid"].startswith("identity-sign-")]
        file.write_text(json.dumps({"keys": others}))
        withdrawn = await room.client.get("/v1/mine", headers=header)
    finally:
        file.write_text(kept)

    assert (before.status_code, withdrawn.status_code) == (200, 401)
    assert (await room.client.get("/v1/mine", headers=header)).status_code == 200
