"""Every letter and SMS is what was read and agreed to, to the byte; `python -m tests.notifier golden` renews it."""

import pytest

from notifier.rules import Kind
from notifier.sms_texts import SMS_TEXTS
from tests.notifier.golden import FOLDER, files
from tests.notifier.samples import LETTER_SAMPLES

FILES = files()


@pytest.mark.parametrize("name", FILES)
def test_message_is_what_its_golden_file_says(name: str) -> None:
    agreed = (FOLDER / name).read_bytes().decode()

    assert FILES[name] == agreed, f"{name}: if it should be so, run `python -m tests.notifier golden` and read the diff"


def test_every_kind_has_golden_files_in_both_languages_and_no_file_is_left_over() -> None:
    kinds = {kind for kind, _details, _secrets in LETTER_SAMPLES.values()}

    assert kinds | set(SMS_TEXTS) | {Kind.FEEDBACK} == set(Kind)
    assert {file.name for file in FOLDER.iterdir()} == set(FILES)
    assert {name.rsplit(".", 2)[0] for name in FILES if ".ru." in name} == {
        name.rsplit(".", 2)[0] for name in FILES if ".en." in name
    }


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("sms-")])
def test_sms_takes_one_part_in_the_alphabet_of_its_language(name: str) -> None:
    alphabet = "ucs-2" if ".ru." in name else "gsm-7"

    assert FILES[name].splitlines()[0].endswith(f"signs in {alphabet}: 1 part")
