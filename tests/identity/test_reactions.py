"""What identity makes of the notifier's news, on real PostgreSQL."""

from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from shared.contracts.notifier import NotificationFailed
from tests.identity.conftest import PASSWORD, Identity, bearer


@pytest.mark.parametrize(
    ("kind", "channel", "reason", "problem"),
    [
        ("password_changed", "email", "rejected", "rejected"),
        ("email_confirmation", "email", "rejected", None),
        ("email_changed", "email", "rejected", None),
        ("password_changed", "email", "expired", None),
        ("phone_changed", "sms", "rejected", None),
    ],
)
async def test_only_a_letter_to_the_present_address_tells_of_it(
    identity: Identity, kind: str, channel: str, reason: str, problem: str | None
) -> None:
    """Another address waits for its confirmation meanwhile."""
    user_id = await identity.registered()
    here = (await identity.sign_in()).json()
    change = {"email": "new@mail.ru", "current_password": PASSWORD}
    await identity.client.put("/v1/me/email", json=change, headers=bearer(here))
    news = {"notification_id": uuid7(), "kind": kind, "channel": channel, "reason": reason}

    await identity.running.hears(NotificationFailed.model_validate({**news, "user_id": UUID(user_id)}))

    assert (await identity.client.get("/v1/me", headers=bearer(here))).json()["email_problem"] == problem
