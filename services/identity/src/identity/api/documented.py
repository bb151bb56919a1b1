"""Refusals that several routes may bring, for the OpenAPI."""

from identity.passwords import PasswordTooLong, PasswordTooWeak
from identity.rules import PasswordsDiffer, TooManyAttempts, WrongPassword
from shared.documented import Refusals

REAUTHENTICATED: Refusals = (WrongPassword, TooManyAttempts)
NEW_PASSWORD: Refusals = (PasswordTooWeak, PasswordTooLong, PasswordsDiffer)
