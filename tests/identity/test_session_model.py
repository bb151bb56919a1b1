"""Sessions and refresh tokens against a small model: any order of sign-ins, refreshes, reuses, ends and hours."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from uuid_utils.compat import uuid7

from identity import sessions
from identity.sessions import Caller
from identity.tables import User
from shared.contracts.identity import SessionsEnded
from tests.identity.conftest import Identity
from tests.identity.machines import Machine, explored


@dataclass
class Modelled:
    """What a session should be: the tokens that it gave, the last of them good, the one before for 30 seconds."""

    id: UUID
    tokens: list[str]
    just_rotated: bool = True
    ended: bool = False


class Sessions(Machine):
    @initialize()
    def somebody(self) -> None:
        self.user_id = uuid7()
        self.known: list[Modelled] = []
        insert = (
            "INSERT INTO users (id, login, login_key, status, password_hash, password_weak, locale, origin)"
            " VALUES (:id, :login, :login, 'active', '', false, 'ru', 'registered') RETURNING 1"
        )
        self.now(self.identity.running.rows(insert, id=self.user_id, login=str(self.user_id)))

    @rule()
    def sign_in(self) -> None:
        tokens = self.now(self._start())
        going_on = [one for one in self.known if not one.ended]
        for oldest in going_on[: max(0, len(going_on) - 9)]:
            oldest.ended = True
        self.known.append(Modelled(tokens.session_id, [tokens.refresh_token]))

    @precondition(lambda self: self.known)
    @rule(data=st.data(), age=st.integers(0, 2))
    def refresh(self, data: Any, age: int) -> None:
        """With the newest token, the one before, or an older one."""
        one = data.draw(st.sampled_from(self.known))
        token = one.tokens[-1 - min(age, len(one.tokens) - 1)]
        answer = self.now(self.identity.client.post("/v1/sessions/refresh", json={"refresh_token": token}))
        if one.ended:
            assert answer.status_code == 401
        elif token == one.tokens[-1]:
            assert answer.status_code == 200
            one.tokens.append(answer.json()["refresh_token"])
            one.just_rotated = True
        elif token == one.tokens[-2] and one.just_rotated:
            assert answer.json()["refresh_token"] == one.tokens[-1]
        else:
            assert answer.json()["code"] == "session-ended"
            one.ended = True

    @rule()
    def half_a_minute_passes(self) -> None:
        update = "UPDATE sessions SET rotated_at = rotated_at - interval '31 seconds' WHERE user_id = :id RETURNING 1"
        self.now(self.identity.running.rows(update, id=self.user_id))
        for one in self.known:
            one.just_rotated = False

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def end_one(self, data: Any) -> None:
        here, one = (data.draw(st.sampled_from(self.known)) for _ in range(2))
        answer = self._call("DELETE", f"/v1/sessions/{one.id}", here)
        assert answer.status_code == (401 if here.ended else 404 if one.ended else 204)
        one.ended |= not here.ended

    @precondition(lambda self: self.known)
    @rule(data=st.data())
    def end_others(self, data: Any) -> None:
        here = data.draw(st.sampled_from(self.known))
        answer = self._call("DELETE", "/v1/sessions", here)
        assert answer.status_code == (401 if here.ended else 204)
        for one in self.known:
            one.ended |= one is not here and not here.ended

    @invariant()
    def list_shows_what_goes_on(self) -> None:
        going_on = [one for one in getattr(self, "known", []) if not one.ended]
        if going_on:
            items = self._call("GET", "/v1/sessions", going_on[0]).json()["items"]
            assert {one["id"] for one in items} == {str(one.id) for one in going_on}

    def teardown(self) -> None:
        """Each end was said once, and nothing else was."""
        said = self.now(self.identity.running.said(SessionsEnded))
        ended = [one for event in said if event.user_id == self.user_id for one in event.session_ids]
        assert sorted(ended) == sorted(one.id for one in self.known if one.ended)

    async def _start(self) -> Any:
        async with self.identity.running.kernel.database.transaction() as session:
            caller = Caller("203.0.113.7", "Firefox", None)
            user = await session.get_one(User, self.user_id, with_for_update=True)
            return await sessions.start(session, user, caller, self.identity.running.wired)

    def _call(self, method: str, path: str, one: Modelled) -> Any:
        headers = self.identity.running.bearer(self.user_id, one.id)
        return self.now(self.identity.client.request(method, path, headers=headers))


async def test_sessions_behave_as_the_model(identity: Identity) -> None:
    await explored(Sessions, identity, examples=15, steps=25)
