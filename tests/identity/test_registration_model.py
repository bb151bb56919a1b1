"""Registrations against a small model: two logins, two phones, letters, and days that pass, in any order."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from uuid_utils.compat import uuid7

from identity.main import service
from shared.contracts.identity import EmailConfirmationRequested, EmailConfirmationSecrets, UserRegistered
from shared.housekeeping import purge
from tests.identity.conftest import Identity
from tests.identity.machines import Machine, explored

PHONES = ("+79120000001", "+79120000002")


@dataclass
class Modelled:
    """What a login should be: free, or somebody's who waits for the letter, or somebody's for good."""

    id: str = ""
    phone: str = ""
    state: str = "free"
    days: int = 0
    letters: dict[str, int] = field(default_factory=dict)
    """The registration's links and the days that have passed since each was sent."""

    @property
    def gives_way_to(self) -> tuple[str, ...]:
        if self.state == "confirmed":
            return ()
        return PHONES if self.state == "free" or self.days >= 4 else (self.phone,)


class Registrations(Machine):
    @initialize()
    def nobody(self) -> None:
        marker = uuid7().hex[-12:]
        self.logins = {f"{name}-{marker}": Modelled() for name in ("petrova", "ivanov")}
        self.dead_links: list[str] = []

    @rule(data=st.data(), phone=st.sampled_from(PHONES))
    def register(self, data: Any, phone: str) -> None:
        login = data.draw(st.sampled_from(sorted(self.logins)))
        one = self.logins[login]
        fields = {"login": login, "email": f"{login}@mail.ru", "phone": phone}
        answer = self.now(self.identity.register(**fields, phone_proof=self.identity.phone_proof(phone)))
        if phone not in one.gives_way_to:
            assert answer.json()["code"] == "login-taken"
            return
        assert answer.status_code == 201, answer.text
        self.dead_links += one.letters
        self.logins[login] = Modelled(answer.json()["id"], phone, "waiting")

    @precondition(lambda self: any(one.letters for one in self.logins.values()))
    @rule(data=st.data())
    def confirm(self, data: Any) -> None:
        one = data.draw(st.sampled_from([one for one in self.logins.values() if one.letters]))
        token = data.draw(st.sampled_from(sorted(one.letters)))
        answer = self.now(self.identity.confirm(token))
        if one.letters[token] >= 1 or one.days >= 4:
            assert answer.status_code == 410
            return
        assert answer.json() == {"user_id": one.id, "purpose": "registration"}
        self.dead_links += one.letters
        one.state, one.letters = "confirmed", {}

    @precondition(lambda self: self.dead_links)
    @rule(data=st.data())
    def confirm_by_a_dead_link(self, data: Any) -> None:
        token = data.draw(st.sampled_from(self.dead_links))
        assert self.now(self.identity.confirm(token)).status_code == 410

    @rule(data=st.data())
    def ask_for_the_letter_again(self, data: Any) -> None:
        one = data.draw(st.sampled_from(list(self.logins.values())))
        registration = one.id or uuid7()
        self.now(self.identity.running.rows("DELETE FROM letter_requests RETURNING 1"))  # a day has room for five
        answer = self.now(self.identity.client.post(f"/v1/registrations/{registration}/letters"))
        assert answer.status_code == 202
        self.now(self.identity.decide())

    @rule()
    def two_days_pass(self) -> None:
        for table, column in (("users", "created_at"), ("one_time_tokens", "expires_at")):
            self.now(self.identity.let_pass(table, column, "2 days"))
        for one in self.logins.values():
            one.days += 2
            one.letters = {token: days + 2 for token, days in one.letters.items()}

    @rule()
    def housekeeping_comes_by(self) -> None:
        condition = service.expired(self.identity.running.kernel.settings)["users"]
        self.now(purge(self.identity.running.kernel.database, "users", condition))
        for login, one in self.logins.items():
            if one.state == "waiting" and one.days >= 4:
                self.dead_links += one.letters
                self.logins[login] = Modelled()

    @invariant()
    def letters_are_noticed(self) -> None:
        """Takes up the links of letters that were sent since, so that later steps may press their buttons."""
        seen = getattr(self, "letters_seen", None)
        events = self.now(self.identity.running.said(EmailConfirmationRequested))
        self.letters_seen = len(events)
        if seen is None:
            return
        for event in events[seen:]:
            [one] = [one for one in self.logins.values() if one.id == str(event.user_id)]
            assert one.state == "waiting"
            one.letters[self.identity.opened(event, EmailConfirmationSecrets).token] = 0

    def teardown(self) -> None:
        """Whoever is confirmed was said to be registered once, and nobody else was."""
        said = [str(event.user_id) for event in self.now(self.identity.running.said(UserRegistered))]
        mine = [one.id for one in self.logins.values() if one.state == "confirmed"]
        assert sorted(one for one in said if one in {m.id for m in self.logins.values()}) == sorted(mine)


async def test_registrations_behave_as_the_model(identity: Identity) -> None:
    await asyncio.wait_for(explored(Registrations, identity, examples=8, steps=15), 120)
