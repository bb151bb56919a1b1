"""`/v1/password-recoveries` and `/v1/password-resets`."""

from fastapi import Request, Response
from pydantic import Field

from identity import letters, recovering, rules
from identity.api.documented import NEW_PASSWORD
from identity.api.doors import Body, Doors, LinkToken, Password, routes_of
from identity.registering import unfit_password
from shared.documented import KEYED, problems
from shared.idempotency import IDEMPOTENT, answered, known_answer
from shared.refusals import InvalidFields

routes = routes_of(prefix="/v1", tags=["passwords"])


class RecoveryBody(Body):
    login_or_email: str = Field(min_length=1, max_length=320, examples=["petrova@mail.ru"])


class ResetBody(Body):
    token: LinkToken
    password: Password
    password_confirmation: Password


@routes.post(
    "/password-recoveries",
    status_code=202,
    dependencies=[IDEMPOTENT],
    responses=problems(*KEYED, body="login_or_email"),
)
async def recover(request: Request, body: RecoveryBody, doors: Doors) -> Response:
    """Ask for a letter with a link; the answer and the work are the same whoever exists."""
    async with doors.database.transaction() as session:
        if (before := await known_answer(session, request)) is not None:
            return before
        await letters.ask_recovery(session, body.login_or_email, doors)
        return await answered(session, request, 202, {})


@routes.post(
    "/password-resets",
    status_code=204,
    responses=problems(rules.LinkNotValid, *NEW_PASSWORD, body="token"),
)
async def reset(body: ResetBody, doors: Doors) -> Response:
    """Set a new password by the token of a link; every session ends."""
    async with doors.database.transaction() as session:
        own_words = await recovering.own_words(session, body.token, doors)
    problems = (
        await unfit_password(body.password, own_words, doors),
        rules.PasswordsDiffer() if body.password != body.password_confirmation else None,
    )
    if found := [problem for problem in problems if problem is not None]:
        raise InvalidFields(*found)
    password_hash = await doors.passwords.hash_password(body.password)
    async with doors.database.transaction() as session:
        await recovering.reset(session, body.token, password_hash, doors)
    return Response(status_code=204)
