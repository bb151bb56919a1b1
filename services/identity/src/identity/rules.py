"""The rules of logins, registrations, letters and sessions: what is refused, and why."""

import unicodedata
from collections.abc import Collection

from shared.languages import _
from shared.refusals import Refusal

LOGIN_SHORTEST, LOGIN_LONGEST = 3, 64
ERASED_IN = frozenset({"billing-link", "notifier"})
"""The services whose receipt an erasure waits for."""


class LoginTooShort(Refusal):
    code, field = "login-too-short", "login"
    detail = _("Use at least 3 characters.")


class LoginInvalid(Refusal):
    code, field = "login-invalid", "login"
    detail = _("Use letters, digits, dot, hyphen and underscore, 64 at most.")


class LoginReserved(Refusal):
    code, field = "login-reserved", "login"
    detail = _(
        "This looks like an account number. If you had the old portal, just sign in; if not, choose another login."
    )


class LoginTaken(Refusal):
    """Told only to somebody who has shown a phone."""

    status = 409
    code = "login-taken"
    detail = _("This login is taken. Choose another.")


class PasswordsDiffer(Refusal):
    code, field = "passwords-differ", "password_confirmation"
    detail = _("The passwords differ.")


class EmailInvalid(Refusal):
    code, field = "email-invalid", "email"
    detail = _("Check the address. It looks like name@mail.ru.")


class PhoneInvalid(Refusal):
    code, field = "phone-invalid", "phone"
    detail = _("Check the number. For example, +7 912 345-67-89.")


class PhoneProofInvalid(Refusal):
    """Not of this phone, too old, spent, or shown too often: alike."""

    code, field = "phone-proof-invalid", "phone_proof"
    detail = _("Confirm the number again: ask for a new code.")


class ConsentRequired(Refusal):
    code, field = "consent-required", "consents"
    detail = _("Agree to the processing of personal data to go on.")


class LinkNotValid(Refusal):
    """Used, expired or unknown: alike."""

    status = 410
    code = "link-not-valid"
    detail = _("This link no longer works: it works once and not for long. Ask for a new one.")


class TicketNotValid(Refusal):
    status = 410
    code = "ticket-not-valid"
    detail = _("That took too long. Sign in again.")


class InvalidCredentials(Refusal):
    """The login is unknown or the password wrong: alike."""

    status = 401
    code = "invalid-credentials"
    detail = _("The login or password did not match. Check the keyboard layout and try again.")


class OldPasswordsEnded(InvalidCredentials):
    """The same answer for every login of the old portal's form, whoever has it: its passwords open nothing any more."""

    detail = _(
        "The login or password did not match. Passwords of the old portal no longer open the account:"
        " set a new one by a link in a letter, or call us."
    )


class TooManyAttempts(Refusal):
    status = 429
    code = "too-many-attempts"
    detail = _("Too many attempts. Try again later, or set a new password by a link in a letter.")


class TooManyLetters(Refusal):
    status = 429
    code = "too-many-letters"
    detail = _("A letter is on its way. You can ask for another later.")


class EmailNotConfirmed(Refusal):
    status = 403
    code = "email-not-confirmed"
    detail = _("Press the button in the letter that we sent to confirm your address; then you can sign in.")


class EmailRequired(Refusal):
    status = 403
    code = "email-required"
    detail = _("The password was right. Add an e-mail address so that you never lose access.")


class UserBlocked(Refusal):
    status = 403
    code = "user-blocked"
    detail = _("This account is blocked. Call us.")


class WrongPassword(Refusal):
    """Of somebody who is signed in; counts like a wrong login. Also an old login that is unknown: alike."""

    status = 403
    code = "wrong-password"
    detail = _("This is not the password. Check the keyboard layout and try again.")


class OldLoginsEnded(WrongPassword):
    """Of every login of the old portal's form, whoever has it."""

    detail = _("Passwords of the old portal no longer open anything. Call us, and we will link the account.")


class NothingToConfirm(Refusal):
    status = 409
    code = "nothing-to-confirm"
    detail = _("Your address is confirmed already.")


class CursorInvalid(Refusal):
    code, field = "cursor-invalid", "cursor"
    detail = _("This place in the list is not known. Begin from the start of the list.")


class SessionEnded(Refusal):
    status = 401
    code = "session-ended"
    detail = _("Your session has ended. Sign in again.")


def login_key(login: str) -> str:
    """The form in which logins are compared: NFKC, then case folding."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", login).casefold())


def is_account_number(key: str, digits: Collection[int]) -> bool:
    return key.isascii() and key.isdigit() and len(key) in digits


def login_problem(login: str, digits: Collection[int]) -> Refusal | None:
    """What is wrong with a new login by its form alone, whether or not somebody has it."""
    key = login_key(login)
    if len(key) < LOGIN_SHORTEST:
        return LoginTooShort()
    if len(key) > LOGIN_LONGEST or not all(c.isalpha() or c.isdecimal() or c in "._-" for c in key):
        return LoginInvalid()
    if is_account_number(key, digits):
        return LoginReserved()
    return None


def entry_refusal(status: str | None) -> Refusal | None:
    """Why a user of this status may not have a session; `None` as a status: there is no such user."""
    match status:
        case "active":
            return None
        case "blocked":
            return UserBlocked()
        case "awaiting_email":
            return EmailNotConfirmed()
        case _:
            return InvalidCredentials()
