"""`/v1/me/password`, `/v1/me/phone`, `/v1/me/email` and the way back from a change of address."""

import secrets

from fastapi import Request, Response

from identity import addresses, changing, letters, proofs, reauthenticating, rules, tokens
from identity.api.documented import NEW_PASSWORD, REAUTHENTICATED
from identity.api.doors import Body, Doors, Email, LinkToken, Password, Phone, PhoneProof, counted_address, routes_of
from identity.registering import unfit_password
from identity.tables import User
from shared.bearer import Caller
from shared.contacts import canonical_email, canonical_phone
from shared.documented import SIGNED_IN, problems
from shared.problems import NotAuthenticated
from shared.refusals import InvalidFields

routes = routes_of(prefix="/v1", tags=["me"])


class PasswordBody(Body):
    current_password: Password
    password: Password
    password_confirmation: Password


class PhoneBody(Body):
    """The proof's purpose is `phone_change`."""

    phone: Phone
    phone_proof: PhoneProof
    current_password: Password


class EmailBody(Body):
    email: Email
    current_password: Password


class ReversalBody(Body):
    token: LinkToken


@routes.put(
    "/me/password",
    status_code=204,
    responses=problems(*SIGNED_IN, *REAUTHENTICATED, *NEW_PASSWORD, body="password"),
)
async def change_password(request: Request, body: PasswordBody, caller: Caller, doors: Doors) -> Response:
    """Set another password; all other sessions end."""
    async with doors.database.transaction() as session:
        own_words = await changing.own_words(session, caller.user_id)
    problems = (
        await unfit_password(body.password, own_words, doors),
        rules.PasswordsDiffer() if body.password != body.password_confirmation else None,
    )
    if found := [problem for problem in problems if problem is not None]:
        raise InvalidFields(*found)
    proven = await reauthenticating.prove(caller, body.current_password, counted_address(request), doors)
    password_hash = await doors.passwords.hash_password(body.password)
    async with doors.database.transaction() as session:
        await changing.password(session, proven, password_hash)
    return Response(status_code=204)


@routes.put(
    "/me/phone",
    status_code=204,
    responses=problems(*SIGNED_IN, *REAUTHENTICATED, rules.PhoneInvalid, rules.PhoneProofInvalid, body="phone"),
)
async def change_phone(request: Request, body: PhoneBody, caller: Caller, doors: Doors) -> Response:
    """Change the phone to one that was shown to be in hand."""
    phone = canonical_phone(body.phone, doors.settings.countries)
    if phone is None:
        raise rules.PhoneInvalid
    proof = proofs.read(body.phone_proof, phone, "phone_change", doors.public_keys)
    proven = await reauthenticating.prove(caller, body.current_password, counted_address(request), doors)
    async with doors.database.transaction() as session:
        await changing.phone(session, proven, phone, proof, doors)
    return Response(status_code=204)


@routes.put(
    "/me/email",
    status_code=202,
    response_class=Response,
    responses=problems(*SIGNED_IN, *REAUTHENTICATED, rules.EmailInvalid, rules.TooManyLetters, body="email"),
)
async def change_email(request: Request, body: EmailBody, caller: Caller, doors: Doors) -> Response:
    """Ask for another address; it takes effect when the letter that goes there is confirmed."""
    if canonical_email(body.email) is None:
        raise rules.EmailInvalid
    proven = await reauthenticating.prove(caller, body.current_password, counted_address(request), doors)
    async with doors.database.transaction() as session:
        user = await reauthenticating.held(session, proven)
        await addresses.ask_change(session, user, body.email, doors)
    return Response(status_code=202)


@routes.post(
    "/me/email/letters",
    status_code=202,
    response_class=Response,
    responses=problems(*SIGNED_IN, rules.NothingToConfirm, rules.TooManyLetters),
)
async def send_confirmation_again(caller: Caller, doors: Doors) -> Response:
    """The letter again that confirms the address which waits for it."""
    async with doors.database.transaction() as session:
        user = await session.get(User, caller.user_id, with_for_update=True)
        if user is None or user.status != "active":
            raise NotAuthenticated
        await letters.confirm_pending_again(session, user, doors)
    return Response(status_code=202)


@routes.post("/email-reversals", status_code=204, responses=problems(rules.LinkNotValid, body="token"))
async def reverse(body: ReversalBody, doors: Doors) -> Response:
    """Bring the address back that was changed: all sessions end, the password opens nothing any more, and a letter to
    that address sets a new one."""
    async with doors.database.transaction() as session:  # nobody makes us hash without a link that works
        if await tokens.owner(session, body.token, "reversal", doors) is None:
            raise rules.LinkNotValid
    unknown_password_hash = await doors.passwords.hash_password(secrets.token_urlsafe(32))
    async with doors.database.transaction() as session:
        await addresses.reverse(session, body.token, unknown_password_hash, doors)
    return Response(status_code=204)
