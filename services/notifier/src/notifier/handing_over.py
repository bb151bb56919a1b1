"""Handing over: a due notification is written, its attempt put on record, and the channel's door asked once."""

from email.message import EmailMessage

from notifier.delivering import HandOver, MayHandOver
from notifier.rendering import NotOneAddress
from notifier.rules import Answer, Outcome
from notifier.sms_gateway import SmsGateway
from notifier.smtp import MailServer
from notifier.writing import Due, Pen
from shared.logging import logger

_log = logger(__name__)


def by_mail(server: MailServer, pen: Pen) -> HandOver:
    async def hand_over(due: Due, may_hand_over: MayHandOver) -> Answer:
        message = written(due, pen)
        if message is None:
            return Answer(Outcome.REFUSED, "address")
        return await server.send(message, may_hand_over)

    return hand_over


def written(due: Due, pen: Pen) -> EmailMessage | None:
    """None where the address is none: no server would take it, today or tomorrow."""
    try:
        return pen.mail(due)
    except NotOneAddress:
        _log.warning("address_unusable", notification_id=due.id, kind=due.kind)
        return None


def by_sms(gateway: SmsGateway, pen: Pen) -> HandOver:
    async def hand_over(due: Due, may_hand_over: MayHandOver) -> Answer:
        sms = pen.sms(due)
        seconds = await may_hand_over()
        if seconds is None:
            return Answer(Outcome.WITHHELD)
        return await gateway.send(sms.message_id, sms.to, sms.text, seconds)

    return hand_over
