"""Every letter and SMS as its reader gets it, in files to be read: `python -m tests.notifier golden` writes them."""

from pathlib import Path

from notifier import rules
from notifier.feedback_words import support_message
from notifier.letters import LETTERS
from notifier.rendering import Envelope, render
from notifier.sms_texts import SMS_TEXTS
from tests.notifier.conftest import words
from tests.notifier.samples import AT, CODE, FEEDBACK, LETTER_SAMPLES, REFERENCE

FOLDER = Path(__file__).parent / "golden_files"


def files() -> dict[str, str]:
    """What each file should hold, by its name: the subject and the text part, the HTML part, an SMS with its count."""
    found: dict[str, str] = {}
    for locale in ("ru", "en"):
        spoken = words(locale)
        for name, (kind, details, secrets) in LETTER_SAMPLES.items():
            letter = LETTERS[kind](spoken, details, secrets)
            page, text = render(letter, spoken)
            found[f"{name}.{locale}.txt"] = f"Subject: {letter.subject}\n\n{text}"
            found[f"{name}.{locale}.html"] = page
        envelope = Envelope("kabinet@energosbyt.example", "support@energosbyt.example", "0190-1", AT)
        message = support_message(FEEDBACK, REFERENCE, spoken, envelope)
        text = str(message.get_content()).replace("\r\n", "\n")
        found[f"feedback.{locale}.txt"] = f"Subject: {message['Subject']}\n\n{text}"
        for kind, sms in SMS_TEXTS.items():
            text = sms(spoken, CODE)
            found[f"sms-{kind}.{locale}.txt"] = f"{count(text)}\n\n{text}\n"
    return found


def count(text: str) -> str:
    """`57 signs in ucs-2: 1 part`."""
    parts = rules.sms_parts(text)
    return f"{len(text)} signs in {rules.sms_alphabet(text)}: {parts} part{'s' * (parts > 1)}"


def write() -> int:
    """Make the folder hold these files and no other; how many."""
    FOLDER.mkdir(exist_ok=True)
    wanted = files()
    for file in FOLDER.iterdir():
        if file.name not in wanted:
            file.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8", newline="")
    return len(wanted)
