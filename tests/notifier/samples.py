"""One sample of every letter and SMS, with all that its text depends on."""

from datetime import UTC, datetime, timedelta
from typing import Any

from notifier.feedback_words import FeedbackWords
from notifier.rules import Kind
from shared.contracts import identity as said
from shared.contracts.verification import CodeSecrets

TOKEN = "q3Zk8vJm2RtY7cXw0LpNs5hB1uFdEoGa"
AT = datetime(2026, 11, 25, 11, 20, tzinfo=UTC)
LIFE = {"asked_at": AT.isoformat(), "expires_at": (AT + timedelta(hours=24)).isoformat()}
HOUR = {"asked_at": AT.isoformat(), "expires_at": (AT + timedelta(hours=1)).isoformat()}
CONFIRMATION = said.EmailConfirmationSecrets(email="petrova@mail.ru", login="petrova", token=TOKEN)
RECOVERY = said.PasswordRecoverySecrets(email="petrova@mail.ru", login="petrova", token=TOKEN)
CHANGED = said.ChangedContacts(
    email="new@mail.ru", phone="+79123456789", previous="petrova@mail.ru", reversal_token=TOKEN
)
AGENT = said.SessionOrigin(user_agent="Mozilla/5.0 (Linux; Android 14) Chrome/130.0 Safari/537.36")
CODE = CodeSecrets(phone="+79123456789", code="12345")
FEEDBACK = FeedbackWords(
    name="Анна Петрова",
    reply_to="petrova@mail.ru",
    topic="linking",
    message="Счёт не подключается.\nЧто делать?",
    account_number="67123456",
    phone="+79123456789",
)
REFERENCE = "4K7-2QX"

LETTER_SAMPLES: dict[str, tuple[Kind, dict[str, Any], Any]] = {
    **{
        f"email_confirmation-{purpose}": (Kind.EMAIL_CONFIRMATION, {"purpose": purpose, **LIFE}, CONFIRMATION)
        for purpose in ("registration", "migration", "email_change")
    },
    "email_confirmation-other_logins": (
        Kind.EMAIL_CONFIRMATION,
        {"purpose": "registration", **LIFE},
        CONFIRMATION.model_copy(update={"other_logins": ["petrova", "67123456"]}),
    ),
    "password_recovery": (Kind.PASSWORD_RECOVERY, HOUR, RECOVERY),
    "password_recovery-account_number": (
        Kind.PASSWORD_RECOVERY,
        HOUR,
        RECOVERY.model_copy(update={"login": "67123456"}),
    ),
    "email_changed": (Kind.EMAIL_CHANGED, {}, CHANGED),
    "phone_changed": (Kind.PHONE_CHANGED, {}, CHANGED),
    "password_changed": (Kind.PASSWORD_CHANGED, {"at": AT.isoformat()}, None),
    "new_sign_in": (Kind.NEW_SIGN_IN, {"at": AT.isoformat()}, AGENT),
    "account_linked": (Kind.ACCOUNT_LINKED, {"ending": "3456"}, None),
    **{
        f"account_linked_by_another-{origin}": (
            Kind.ACCOUNT_LINKED_BY_ANOTHER,
            {"ending": "3456", "origin": origin, "linked_at": AT.isoformat()},
            None,
        )
        for origin in ("amount", "migrated", "support")
    },
    **{
        f"link_refused-{refusal}": (Kind.LINK_REFUSED, {"refusal": refusal}, None)
        for refusal in ("not-confirmed", "try-later")
    },
    **{
        f"account_unlinked-{reason}": (Kind.ACCOUNT_UNLINKED, {"ending": "3456", "reason": reason}, None)
        for reason in ("user", "new-contract", "objection", "support")
    },
    "user_erased": (Kind.USER_ERASED, {}, said.ErasedContacts(email="petrova@mail.ru")),
    "feedback_receipt": (Kind.FEEDBACK_RECEIPT, {"reference": REFERENCE}, None),
}
