"""What each letter says, once for HTML and text; the words are the design's, the links are made here."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from notifier import rules
from notifier.rules import Kind
from notifier.words import Words
from shared.contacts import mask_email
from shared.contracts import identity as said
from shared.events import Malformed
from shared.user_agents import device_names

Details = dict[str, Any]
"""The open facts of a notification, as its row keeps them: no contact and no secret."""


class TwoWays(NamedTuple):
    """A sentence that each part says its own way: HTML has a button and its link to copy, the text one bare link."""

    html: str
    text: str
    """Empty: the text part does without it."""


Sentence = str | TwoWays


@dataclass(frozen=True)
class Letter:
    """One letter as data. `lead` are sentences; the first is also the preheader."""

    subject: str
    lead: tuple[Sentence, ...]
    button: tuple[str, str] | None = None
    """Its label and where it leads."""
    small: tuple[Sentence, ...] = ()
    string: str | None = None
    """The button's link to copy, after `small`; in HTML only."""
    more: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    """Below the card, before the retailer's own line."""


def in_html(sentences: tuple[Sentence, ...]) -> list[str]:
    return [sentence if isinstance(sentence, str) else sentence.html for sentence in sentences]


def in_text(sentences: tuple[Sentence, ...]) -> list[str]:
    said = (sentence if isinstance(sentence, str) else sentence.text for sentence in sentences)
    return [sentence for sentence in said if sentence]


def email_confirmation(words: Words, details: Details, secrets: said.EmailConfirmationSecrets) -> Letter:
    _ = words.translate
    link = token_link(words, "/c/", secrets.token)
    lead: tuple[Sentence, ...]
    # Only the Russian sentences name the retailer.
    if details["purpose"] == "registration":
        lead = (
            _("This address was given when signing up for Kabinet.").format(retailer=words.retailer.name_ru_genitive),
            TwoWays(_("Press the button and you can sign in."), _("Open the link and you can sign in.")),
        )
        aside = _("Did not sign up? Do nothing: without this step no account opens.")
    else:
        lead = (
            _("This address was added in Kabinet.").format(retailer=words.retailer.name_ru_genitive),
            _("Confirm it to get our letters and to recover access if you forget the password."),
        )
        aside = _("Did not ask for this? Do nothing: without this step the address is not used.")
    return Letter(
        subject=_("Confirm your e-mail"),
        lead=lead,
        button=(_("Confirm address"), link),
        small=(life_of_link(words, details), TwoWays(_("If the button does not open, copy this link:"), "")),
        string=link,
        more=other_logins(words, secrets.other_logins),
        aside=(aside,),
    )


def life_of_link(words: Words, details: Details) -> str:
    _ = words.translate
    asked_at, until = datetime.fromisoformat(details["asked_at"]), datetime.fromisoformat(details["expires_at"])
    return _("The link works for {hours}, until {date} {clock} {zone}.").format(
        hours=words.hours(until - asked_at), date=words.date(until), clock=words.clock(until), zone=words.zone(until)
    )


def other_logins(words: Words, logins: list[str]) -> tuple[str, ...]:
    """Somebody may only have forgotten the password: name what this address serves already."""
    _ = words.translate
    if not logins:
        return ()
    known = ", ".join(rules.mask_login(login) for login in logins)
    return (
        _("This address already serves: {logins}.").format(logins=known),
        _("If you only forgot the password, you need no new account: {recovery}").format(
            recovery=words.link("/recovery")
        ),
    )


def password_recovery(words: Words, details: Details, secrets: said.PasswordRecoverySecrets) -> Letter:
    _ = words.translate
    link = token_link(words, "/r/", secrets.token)
    asked_at, until = datetime.fromisoformat(details["asked_at"]), datetime.fromisoformat(details["expires_at"])
    return Letter(
        subject=_("New password for Kabinet"),
        lead=(
            _("You asked to set a new password for the login {login}.").format(login=rules.mask_login(secrets.login)),
        ),
        button=(_("Set a password"), link),
        small=(
            _("The link works once, for {hours}.").format(hours=words.hours(until - asked_at)),
            TwoWays(_("Link:"), ""),
        ),
        string=link,
        aside=(_("Did not ask? Do nothing, your password is unchanged."),),
    )


def email_changed(words: Words, details: Details, secrets: said.ChangedContacts) -> Letter:
    """To the old address. No line about recovery: its letter would go to the new address, whoever reads that one."""
    _ = words.translate
    link = token_link(words, "/v/", secrets.reversal_token or "")
    new = mask_email(secrets.email or "")
    life = words.hours(rules.REVERSAL_LIFE)
    works = TwoWays(
        _("The link works for {hours}:").format(hours=life), _("The link works for {hours}.").format(hours=life)
    )
    return Letter(
        subject=_("Your e-mail was changed"),
        lead=(_("Kabinet now has {address}.").format(address=new),),
        button=(_("Restore the previous address"), link),
        small=(works,),
        string=link,
    )


def phone_changed(words: Words, details: Details, secrets: said.ChangedContacts) -> Letter:
    _ = words.translate
    number = rules.mask_phone_tail(secrets.phone or "")
    return Letter(
        subject=_("Your phone was changed"),
        lead=(_("Kabinet now has {number}.").format(number=number),),
        aside=not_you(words),
    )


def password_changed(words: Words, details: Details, secrets: None) -> Letter:
    _ = words.translate
    when = words.moment(datetime.fromisoformat(details["at"]))
    return Letter(
        subject=_("Your password was changed"),
        lead=(
            _("It happened on {when}.").format(when=when),
            _("If it was you, all is well."),
        ),
        aside=not_you(words),
    )


def new_sign_in(words: Words, details: Details, secrets: said.SessionOrigin) -> Letter:
    _ = words.translate
    when = words.moment(datetime.fromisoformat(details["at"]))
    device = ", ".join(device_names(secrets.user_agent))
    return Letter(
        subject=_("New sign-in to Kabinet"),
        lead=(f"{device}, {when}." if device else f"{when}.", _("If it was you, all is well.")),
        button=(_("My devices"), words.link("/settings/devices")),
        aside=not_you(words),
    )


def not_you(words: Words) -> tuple[str, ...]:
    _ = words.translate
    return (_("Not you? Set a new password now: {recovery}").format(recovery=words.link("/recovery")),)


def account_linked(words: Words, details: Details, secrets: None) -> Letter:
    _ = words.translate
    return Letter(
        subject=_("Account linked"),
        lead=(_("The account ending in {ending} is now in your Kabinet.").format(ending=details["ending"]),),
        button=(_("Open Kabinet"), words.link("/accounts")),
    )


def account_linked_by_another(words: Words, details: Details, secrets: None) -> Letter:
    _ = words.translate
    how = {
        "amount": _("they knew the amount of a payment"),
        "migrated": _("from the old portal"),
        "support": _("by support"),
    }
    return Letter(
        subject=_("Someone else linked your account"),
        lead=(
            _("On {when} another person linked the account ending in {ending}: {how}.").format(
                when=words.moment(datetime.fromisoformat(details["linked_at"])),
                ending=details["ending"],
                how=how[details["origin"]],
            ),
            _("If they are family or tenants, do nothing."),
        ),
        button=(_("Who sees the account"), words.link("/accounts")),
        small=(_("You can disconnect them for 30 days."),),
    )


def link_refused(words: Words, details: Details, secrets: None) -> Letter:
    _ = words.translate
    lead: tuple[str, ...]
    if details["refusal"] == "try-later":
        lead = (_("We could not check it."), _("It is not your fault, please try again."))
    else:
        lead = (_("The number and amount did not match a payment of the last three months."),)
    return Letter(
        subject=_("The account was not confirmed"),
        lead=lead,
        button=(_("Try again"), words.link("/accounts/new")),
    )


def account_unlinked(words: Words, details: Details, secrets: None) -> Letter:
    _ = words.translate
    why = {
        "user": _("You removed it."),
        "new-contract": _("There is a new contract at this address."),
        "objection": _("Another holder objected."),
        "support": _("Support did it."),
    }
    return Letter(
        subject=_("Account removed"),
        lead=(
            _("The account ending in {ending} is no longer in your Kabinet.").format(ending=details["ending"]),
            why[details["reason"]],
            _("You can add it again by number and payment."),
        ),
    )


def user_erased(words: Words, details: Details, secrets: said.ErasedContacts) -> Letter:
    _ = words.translate
    return Letter(
        subject=_("Kabinet deleted"), lead=(_("Your data is erased."), _("Your electricity contract goes on."))
    )


def feedback_receipt(words: Words, details: Details, secrets: object) -> Letter:
    """The reference and none of the sender's words: else a stranger could write to anybody in our name."""
    _ = words.translate
    return Letter(
        subject=_("Your message {reference}").format(reference=details["reference"]),
        lead=(_("Thank you, we have it."), _("We will answer here, usually within a working day.")),
    )


def token_link(words: Words, path: str, token: str) -> str:
    """`Malformed` for what identity never makes: a link is a letter's most dangerous part."""
    if not rules.is_token(token):
        raise Malformed("a token with signs that no token has")
    return words.link(path) + token


LETTERS: dict[Kind, Callable[[Words, Details, Any], Letter]] = {
    Kind.EMAIL_CONFIRMATION: email_confirmation,
    Kind.PASSWORD_RECOVERY: password_recovery,
    Kind.EMAIL_CHANGED: email_changed,
    Kind.PHONE_CHANGED: phone_changed,
    Kind.PASSWORD_CHANGED: password_changed,
    Kind.NEW_SIGN_IN: new_sign_in,
    Kind.ACCOUNT_LINKED: account_linked,
    Kind.ACCOUNT_LINKED_BY_ANOTHER: account_linked_by_another,
    Kind.LINK_REFUSED: link_refused,
    Kind.ACCOUNT_UNLINKED: account_unlinked,
    Kind.USER_ERASED: user_erased,
    Kind.FEEDBACK_RECEIPT: feedback_receipt,
}
