"""Hashes made up for those who do not exist: as much work as a real one, and nobody's."""

import pytest

from identity.made_up_hashes import made_up
from identity.old_hashes import parse, verify
from tests.identity.test_old_hashes import VECTORS


@pytest.mark.parametrize("text", [text for _, text, _ in VECTORS])
def test_a_made_up_hash_is_of_the_same_kind_and_fits_nobody(text: str) -> None:
    real = parse(text)

    made = parse(made_up(real.kind))

    assert made.kind == real.kind
    assert not any(verify(made, password) for password, _, _ in VECTORS)


def test_a_kind_that_an_earlier_release_wrote_can_be_made_up() -> None:
    assert parse(made_up("django:sha256,80000")).kind == "django:sha256,80000,32"
    assert parse(made_up("aspnet:sha1,1000")).kind == "aspnet:sha1,1000,20"


@pytest.mark.parametrize("kind", ["", "scrypt:14", "bcrypt", "md6"])
def test_what_is_no_kind_cannot_be_made_up(kind: str) -> None:
    with pytest.raises(ValueError, match=r"no old hash|invalid literal"):
        made_up(kind)
