"""What the notifier hears, and what it does about it."""

from notifier import erasing, notifying
from shared.bearer import sessions_ended
from shared.contracts import billing_link, identity, verification
from shared.inbox import Heard

HEARD = [
    Heard(verification.CodeRequested, notifying.code_requested),
    Heard(identity.EmailConfirmationRequested, notifying.email_confirmation_requested),
    Heard(identity.PasswordRecoveryRequested, notifying.password_recovery_requested),
    Heard(identity.PasswordChanged, notifying.password_changed),
    Heard(identity.ContactChanged, notifying.contact_changed),
    Heard(identity.SessionStarted, notifying.session_started),
    Heard(identity.UserRegistered, notifying.user_known, inbox=False),
    Heard(identity.UserStated, notifying.user_known, inbox=False),
    Heard(identity.SessionsEnded, sessions_ended),
    Heard(identity.UserErased, erasing.user_erased, discards_letters=True),
    Heard(billing_link.AccountLinked, notifying.account_linked),
    Heard(billing_link.LinkRefused, notifying.link_refused),
    Heard(billing_link.AccountUnlinked, notifying.account_unlinked),
]
