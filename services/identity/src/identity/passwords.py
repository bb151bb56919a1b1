"""Passwords: hashing and verifying in threads, a limited number at once, and how strong a new one must be."""

import asyncio
import os
import secrets
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from zxcvbn import zxcvbn

from identity import gauges, old_hashes
from identity.breached import breached
from identity.old_hashes import OldHash
from shared.languages import _
from shared.refusals import Refusal

# OWASP's argon2id figures: 19 MiB, two passes, one lane; about 30 ms of one core.
ARGON2_KIB = 19 * 1024
ARGON2_PASSES = 2
ARGON2_LANES = 1
SHORTEST = 8
LONGEST = 128
LEAST_SCORE = 2
"""Of zxcvbn's 0 to 4: beyond a million guesses, more than the limits on guesses let through in years."""
_TURNS_PER_HASH = 3
_NICE = 10
# zxcvbn's time grows with the square and worse: hostile text of 24 characters takes 0.1 s, of 100 takes 4 s.
_JUDGED_AT_ONCE = 24
_KEYS = str.maketrans("ёйцукенгшщзхъфывапролджэячсмитьбю", "`qwertyuiop[]asdfghjkl;'zxcvbnm,.")
_zxcvbn_lock = threading.Lock()

Result = TypeVar("Result")


class PasswordTooWeak(Refusal):
    """Under 8 characters, among the first that anyone would guess, or known from a breach."""

    code = "password-too-weak"
    detail = _("This password is too easy to guess. Take 8 characters or more; a phrase of several words works well.")
    field = "password"


class PasswordTooLong(Refusal):
    code = "password-too-long"
    detail = _("A password has at most 128 characters.")
    field = "password"


class Passwords:
    """Argon2id and the old portal's hashes, each in a thread, `at_once` of them at a time (none: one per core).

    What comes on top waits for its turn; a caller who gives up while waiting takes its work out of the queue.
    `retailer_names` are words that nobody's password may live on.
    """

    def __init__(
        self, at_once: int | None = None, least_score: int = LEAST_SCORE, retailer_names: Iterable[str] = ()
    ) -> None:
        threads = at_once or os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="password", initializer=_give_way)
        self._turns = asyncio.Semaphore(threads * _TURNS_PER_HASH)
        self._least_score = least_score
        self._everybodys_words = tuple(retailer_names)
        self._argon2 = Argon2Hasher(ARGON2_PASSES, ARGON2_KIB, ARGON2_LANES)
        self._hasher = PasswordHash((self._argon2,))
        self._nobody = self._hasher.hash(secrets.token_bytes(32))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Held through a whole sign-in: a queue of them must not take the connections that everybody else needs.

        Whoever waits has not been counted as a guess yet, and costs nothing but memory.
        """
        with gauges.sign_ins_waiting.track_inprogress(), gauges.sign_in_wait.time():
            await self._turns.acquire()
        try:
            yield
        finally:
            self._turns.release()

    async def hash_password(self, password: str) -> str:
        return await self._in_thread(self._hasher.hash, _bytes(password))

    async def verify_password(self, password: str, stored: str) -> bool:
        return await self._in_thread(self._hasher.verify, _bytes(password), stored)

    async def verify_nothing(self, password: str) -> None:
        """The work of `verify_password` for somebody who does not exist, so that the time does not tell."""
        await self._in_thread(self._hasher.verify, _bytes(password), self._nobody)

    async def verify_old(self, password: str, old: OldHash) -> bool:
        return await self._in_thread(old_hashes.verify, old, password)

    def needs_rehash(self, stored: str) -> bool:
        """Whether the hash was made with other figures than today's."""
        return self._argon2.check_needs_rehash(stored)

    async def refuse_unfit(self, password: str, own_words: Iterable[str]) -> None:
        """Raise `PasswordTooLong` or `PasswordTooWeak`. `own_words`: the login, e-mail and phone of its owner."""
        if len(password) > LONGEST:
            raise PasswordTooLong
        if await self.is_weak(password, own_words):
            raise PasswordTooWeak

    async def is_weak(self, password: str, own_words: Iterable[str]) -> bool:
        """Whether it should not be chosen today; never asked of a password that opens a door."""
        if len(password) < SHORTEST or password in breached():
            return True
        words = (*own_words, *self._everybodys_words)
        return await self._in_thread(score, password[:LONGEST], words) < self._least_score

    async def _in_thread(self, work: Callable[..., Result], *arguments: object) -> Result:
        with gauges.password_work.time():
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


def score(password: str, own_words: Iterable[str]) -> int:
    """zxcvbn's 0 to 4, of the better of the first and the last 24 characters.

    A Russian word is also judged by the keys that it lies on: «пароль» is `gfhjkm`, which every list of guesses has.
    """
    words = sorted({part for word in own_words for part in _parts(word)})
    pieces = {password[:_JUDGED_AT_ONCE], password[-_JUDGED_AT_ONCE:]}
    return max(min(_zxcvbn(text, words) for text in {piece, _on_keys(piece)}) for piece in pieces)


def _give_way() -> None:
    """A thread that hashes takes the cores that nobody wants: whoever reads a page does not wait for who signs in."""
    if sys.platform == "linux":  # where each thread has a priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _on_keys(text: str) -> str:
    keys = text.lower().translate(_KEYS)
    return text if keys == text.lower() else keys


def _zxcvbn(text: str, words: list[str]) -> int:
    # The library keeps the words in a global while it works.
    with _zxcvbn_lock:
        return int(zxcvbn(text, words)["score"])


def _parts(word: str) -> set[str]:
    """The word as people take it into a password: an address before its @, a phone without its country."""
    word = word[:254].lower()
    return {part for part in (word, word.partition("@")[0], word.removeprefix("+"), word.removeprefix("+7")) if part}


def _bytes(password: str) -> bytes:
    # JSON can carry half of a surrogate pair; it is a character like another here, and no error.
    return password.encode(errors="surrogatepass")
