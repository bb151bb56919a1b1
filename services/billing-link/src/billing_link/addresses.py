"""Addresses as they are shown: masked."""

import re

_ABBREVIATIONS = frozenset(
    (
        "г",
        "ул",
        "пр",
        "пр-кт",
        "просп",
        "пер",
        "д",
        "кв",
        "корп",
        "к",
        "стр",
        "обл",
        "р-н",
        "пгт",
        "пос",
        "п",
        "с",
        "ст",
        "б-р",
        "бул",
        "наб",
        "ш",
        "пл",
        "мкр",
        "кв-л",
        "туп",
        "проезд",
        "снт",
        "лет",
        "им",
    )
)
_TOWNS = frozenset(("г", "г.", "пгт", "пгт.", "пос.", "обл.", "область", "респ."))
_WITH_DIGITS = re.compile(r"[0-9][^\s,.]*")


def masked_address(address: str) -> str:
    """Enough to know one's own flat by, too little to find somebody else's: the town, and how the street begins."""
    parts = [part.split() for part in address.split(",") if part.strip()]
    return ", ".join(
        " ".join(
            word if _is_town(index, position, words) and not _WITH_DIGITS.search(word) else _masked_word(word)
            for position, word in enumerate(words)
        )
        for index, words in enumerate(parts)
    )


def _is_town(index: int, position: int, words: list[str]) -> bool:
    if words[0].lower() in _TOWNS:
        return position <= 1
    return index == 0 and position == 0


def _masked_word(word: str) -> str:
    if _WITH_DIGITS.search(word):
        return _WITH_DIGITS.sub("…", word)
    if word.endswith(".") or word.lower() in _ABBREVIATIONS:
        return word
    return f"{word[: 3 if len(word) > 3 else 1]}…"
