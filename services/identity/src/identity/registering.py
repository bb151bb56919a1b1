"""Registering: a row that awaits the confirmation of its e-mail."""

from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from uuid_utils.compat import uuid7

from identity import letters, proofs, rules, tokens
from identity.passwords import PasswordTooLong, PasswordTooWeak
from identity.proofs import Proof
from identity.tables import User
from identity.wired import Wired
from shared.contacts import canonical_email, canonical_phone
from shared.context import Locale
from shared.refusals import InvalidFields, Refusal


@dataclass(frozen=True)
class Form:
    """A registration whose fields are all as they must be."""

    login: str
    password: str
    email: str
    phone: str
    phone_proof: str
    locale: Locale
    consents: list[str]


async def checked(
    login: str,
    password: str,
    password_confirmation: str,
    email: str,
    phone: str,
    phone_proof: str,
    locale: Locale,
    consents: list[str],
    wired: Wired,
) -> Form:
    """Every field that needs attention at once, by its form alone: raises `InvalidFields`."""
    canonical = canonical_email(email), canonical_phone(phone, wired.settings.countries)
    problems: list[Refusal | None] = [
        rules.login_problem(login, wired.settings.account_number_digits),
        await unfit_password(password, (login, email, phone), wired),
        rules.PasswordsDiffer() if password != password_confirmation else None,
        rules.EmailInvalid() if canonical[0] is None else None,
        rules.PhoneInvalid() if canonical[1] is None else None,
        rules.ConsentRequired() if wired.settings.consent_document not in (None, *consents) else None,
    ]
    if found := [problem for problem in problems if problem is not None]:
        raise InvalidFields(*found)
    return Form(login, password, canonical[0] or "", canonical[1] or "", phone_proof, locale, consents)


async def unfit_password(password: str, own_words: tuple[str, ...], wired: Wired) -> Refusal | None:
    try:
        await wired.passwords.refuse_unfit(password, own_words)
    except (PasswordTooWeak, PasswordTooLong) as problem:
        return problem
    return None


def proof_of(form: Form, wired: Wired) -> Proof:
    return proofs.read(form.phone_proof, form.phone, "registration", wired.public_keys)


async def is_taken(session: AsyncSession, form: Form, wired: Wired) -> bool:
    """Whether somebody has the login, and is not just waiting unconfirmed with the same phone or for too long."""
    user = (await session.execute(select(User).where(col(User.login_key) == rules.login_key(form.login)))).scalar()
    return user is not None and not await _gives_way(session, user, form, wired)


async def register(session: AsyncSession, form: Form, proof: Proof, password_hash: str, wired: Wired) -> User:
    """Spend the proof, write the row that awaits its e-mail, ask for the letter; all or nothing."""
    await proofs.spend(session, proof)
    key = rules.login_key(form.login)
    earlier = (await session.execute(select(User).where(col(User.login_key) == key).with_for_update())).scalar()
    if earlier is not None:
        if not await _gives_way(session, earlier, form, wired):
            raise rules.LoginTaken
        await tokens.kill(session, earlier.id)
        await session.delete(earlier)
        await session.flush()
    user = User(
        id=uuid7(),
        login=form.login,
        login_key=key,
        status="awaiting_email",
        password_hash=password_hash,
        email=form.email,
        phone=form.phone,
        locale=form.locale,
        origin="registered",
        consents=form.consents,
    )
    await _insert_or_taken(session, user)
    await letters.confirm_email(session, user, form.email, "registration", wired)
    return user


async def is_dead(session: AsyncSession, user: User, wired: Wired) -> bool:
    """An unconfirmed registration dies at its hour, not when housekeeping comes by."""
    dead = text("SELECT CAST(:created AS timestamptz) < now() - make_interval(hours => :hours)")
    values = {"created": user.created_at, "hours": wired.settings.registration_hours}
    return user.status == "awaiting_email" and bool(await session.scalar(dead, values))


async def _gives_way(session: AsyncSession, user: User, form: Form, wired: Wired) -> bool:
    """An unconfirmed registration gives its login to the same phone (a mistyped e-mail); a dead one to anybody."""
    return user.status == "awaiting_email" and (user.phone == form.phone or await is_dead(session, user, wired))


async def _insert_or_taken(session: AsyncSession, user: User) -> None:
    """The unique index decides between two at once."""
    values = user.model_dump(exclude={"created_at"})
    statement = insert(User).values(values).on_conflict_do_nothing(index_elements=["login_key"]).returning(col(User.id))
    if (await session.execute(statement)).first() is None:
        raise rules.LoginTaken
