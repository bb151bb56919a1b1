"""What a password is tried against: our hash, an old one, a decoy or nothing; the same work finds it for each login."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from identity import old_credentials, rules
from identity.old_hashes import OldHash
from identity.wired import Wired

# One statement, so that one snapshot is looked at: who moves over at this moment is found in one place or the other.
# The kind is drawn for every login, whether it is needed or not.
_LOOK_UP = """
SELECT users.id AS user_id, users.password_hash,
       old.id AS old_id, old.account_number, old.encrypted_hash, coalesce(old.email, '') AS email,
       coalesce(old.phone, '') AS phone, drawn.kind, drawn.moved_share,
       EXISTS (SELECT FROM legacy_marks WHERE number_hmac = ANY ($2)) AS marked,
       coalesce((now() AT TIME ZONE 'UTC')::date > $3::date, false) AS old_portal_ended
  FROM (SELECT) AS one
  LEFT JOIN users ON login_key = $1
  LEFT JOIN legacy_users AS old ON account_number = $1
  LEFT JOIN (
       SELECT kind, moved::float / (waiting + moved) AS moved_share
         FROM (SELECT *, sum(waiting + moved) OVER (ORDER BY kind) AS upto, sum(waiting + moved) OVER () AS of_all
                 FROM old_hash_kinds WHERE waiting + moved > 0) AS kinds
        WHERE upto > $4::float * of_all ORDER BY kind LIMIT 1
  ) AS drawn ON true
"""


@dataclass(frozen=True)
class Credential:
    """What there is for a login; `user_id` is the user's, or the one that somebody of the old portal will have."""

    user_id: UUID | None = None
    password_hash: str | None = None
    old: OldHash | None = None
    own_words: tuple[str, ...] = ()
    old_portal_ended: bool = False
    """The login is of the old portal's form, and its passwords open nothing any more."""


async def look_up(login_key: str, wired: Wired, *, only_old: bool = False) -> Credential:
    """The login's credential. An unknown login of account-number form gets a decoy of a kind that it might have.

    `only_old`: what is ours counts as unknown.
    """
    place, moved = _draws(login_key, wired)
    marks = old_credentials.marks(wired.keys, login_key)
    row = await wired.database.fetchrow(_LOOK_UP, login_key, marks, wired.settings.legacy_login_until, place)
    assert row is not None
    of_old_form = rules.is_account_number(login_key, wired.settings.account_number_digits)
    ended = of_old_form and row["old_portal_ended"]
    if row["old_id"] is not None and not ended:
        old = old_credentials.decrypted(wired.keys, row["account_number"], row["encrypted_hash"])
        return Credential(row["old_id"], old=old, own_words=(row["account_number"], row["email"], row["phone"]))
    if row["user_id"] is not None and not only_old:
        return Credential(row["user_id"], password_hash=row["password_hash"], old_portal_ended=ended)
    if of_old_form and not ended and _would_wait(row, moved):
        return Credential(old=old_credentials.decoy(wired.keys, login_key, row["kind"]))
    return Credential(old_portal_ended=ended)


def _would_wait(row: Mapping[str, Any], moved: float) -> bool:
    """Whether this unknown number, if it were somebody's, would still wait to move.

    People only ever move, and of a kind more and more of them: so does a number whose draw the share has passed. A
    number whose credential was used up moved indeed.
    """
    unused = row["kind"] is not None and not row["marked"] and row["user_id"] is None
    return unused and moved >= row["moved_share"]


def _draws(login_key: str, wired: Wired) -> tuple[float, float]:
    """Two numbers from 0 to 1 that are the login's for ever: which kind it has, and when it would have moved."""
    raw = wired.keys.hmac("drawn kind", login_key)
    return int.from_bytes(raw[:6]) / 2**48, int.from_bytes(raw[6:12]) / 2**48
