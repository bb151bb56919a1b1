"""What somebody wrote to us, and the letter that takes it to support: plain text, answered by Reply-To."""

from email.message import EmailMessage
from typing import Literal

from pydantic import BaseModel

from notifier import rules
from notifier.rendering import Envelope, headed, one_address, text_of
from notifier.words import Words

Topic = Literal["registration", "login", "linking", "other"]


class FeedbackWords(BaseModel):
    """Sealed for ourselves until the letter is gone."""

    name: str
    reply_to: str
    topic: Topic
    message: str
    account_number: str | None = None
    phone: str | None = None


def support_message(feedback: FeedbackWords, reference: str, words: Words, envelope: Envelope) -> EmailMessage:
    """Only the reference and the topic stand in the subject: the writer's own words stay in the body."""
    _ = words.translate
    topics = {
        "registration": _("Signing up"),
        "login": _("Signing in or password"),
        "linking": _("Adding an account"),
        "other": _("Something else"),
    }
    subject = _("Message {reference}: {topic}").format(reference=reference, topic=topics[feedback.topic])
    message = headed(subject, words.name, envelope)
    message["Reply-To"] = one_address(feedback.reply_to, feedback.name)
    values = {"feedback": feedback, "reference": reference, "topic": topics[feedback.topic], "_": _}
    text = text_of("feedback.txt", values)
    message.set_content(text, cte="base64")
    message["Content-Language"] = words.locale
    return message


def tidy(message: str) -> str:
    """The text with plain line ends and without signs that drive a terminal."""
    lines = message.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(
        "".join(sign if sign == "\t" or rules.one_line(sign) else "\ufffd" for sign in line) for line in lines
    )
