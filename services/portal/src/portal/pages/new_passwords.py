"""A new password, twice: what is the same wherever one is set."""

from portal.forms import Answers, Form
from shared.languages import _

NEW_PASSWORD: Answers = {
    "password-too-weak": ("password", _("This is easy to guess. Add a word or two")),
    "password-too-long": ("password", _("This is too long. Use at most 128 characters")),
    "passwords-differ": ("password_confirmation", _("The passwords differ")),
}


def require_new(form: Form) -> None:
    """Something in the first field, and the same in the second; what is weak identity alone knows."""
    if not form.values["password"]:
        form.wrong("password", _("Choose a password"))
    elif form.values["password"] != form.values["password_confirmation"]:
        form.wrong("password_confirmation", _("The passwords differ"))
