"""Handing over: a due notification is written, its attempt put on record, and the channel's door asked once."""

from email.message import EmailMessage

from notifier import rules
from notifier.delivering import HandOver, MayHandOver
from notifier.rendering import NotOneAddress
from notifier.rules import Answer, Outcome
from notifier.smtp import MailServer, one_each
from notifier.suppressing import Suppression
from notifier.writing import Due, Pen
from shared import telemetry
from shared.logging import logger

_log = logger(__name__)


def by_mail(server: MailServer, pen: Pen, suppression: Suppression) -> HandOver:
    """A notice to a suppressed address is refused here. A link somebody asked for is tried: the address may be mended,
    and a letter that is accepted lifts the suppression."""

    async def hand_over(due: Due, may_hand_over: MayHandOver) -> Answer:
        message = written(due, pen)
        if message is None:
            return Answer(Outcome.REFUSED, "address")
        _sender, reader = one_each(message)
        bounced = await suppression.find(reader)
        if bounced is not None and due.rank == rules.NOTICE and due.kind is not rules.Kind.FEEDBACK:
            return Answer(Outcome.REFUSED, "suppressed")
        with telemetry.span("ask the mail server", telemetry.CLIENT):
            answer = await server.send(message, may_hand_over)
        await suppression.learn(reader, answer, bounced is not None)
        return answer

    return hand_over


def written(due: Due, pen: Pen) -> EmailMessage | None:
    """None where the address is none: no server would take it, today or tomorrow."""
    try:
        return pen.mail(due)
    except NotOneAddress:
        _log.warning("address_unusable", notification_id=due.id, kind=due.kind)
        return None
