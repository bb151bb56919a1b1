"""Apache Kafka's jars: fetched once into a cache, and run only if each is the file that `kafka.sha256` names."""

import fcntl
import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.embedded.children import CannotStart

ENDPOINT = "org.apache.kafka:kafka_2.13:4.4.0+org.slf4j:slf4j-simple:1.7.36"
"""A change here needs a new `kafka.sha256`: `sha256sum *.jar` in the cache, after a look at what changed."""

SUMS = Path(__file__).with_name("kafka.sha256")
INSTEAD = "Or name a broker of your own: KABINET_KAFKA=host:port"
MIRROR = "KABINET_MAVEN_MIRROR"
TRIES = 3

Say = Callable[[str], None]


class WrongJar(CannotStart):
    """A jar is not the one that was looked at when its hash was written down."""


def kafka_jars(cache: Path, say: Say = print, sums: Path = SUMS) -> list[Path]:
    """The class path, from the cache or fetched into it (44 MB, once). Blocks; safe to call from several programs."""
    home = cache / ENDPOINT.split("+")[0].split(":", 1)[1].replace(":", "-")
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.is_dir():
            _fetch(home, say, sums)
        return verified(home, sums)


def verified(home: Path, sums: Path = SUMS) -> list[Path]:
    """The jars of the folder; a wrong, missing or additional one is a `WrongJar`."""
    expected = {name: digest for digest, name in (line.split() for line in sums.read_text().splitlines())}
    found = {jar.name: jar for jar in sorted(home.glob("*.jar"))}
    if odd := sorted(expected.keys() ^ found.keys()):
        raise WrongJar(
            f"{home} should hold exactly the jars of {sums.name}, but see {', '.join(odd[:5])}. {_advice(home)}"
        )
    for name, jar in found.items():
        with jar.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected[name]:
                raise WrongJar(f"{jar} is not the file that {sums.name} names (its SHA-256 differs). {_advice(home)}")
    return list(found.values())


def _advice(home: Path) -> str:
    return f"It is not run. Delete {home} and start again; if this comes back, do not use that file. {INSTEAD}"


def _fetch(home: Path, say: Say, sums: Path) -> None:
    """Fetches beside and renames at the end: an interrupted download leaves nothing that looks whole."""
    count = len(sums.read_text().splitlines())
    say(f"Apache Kafka: fetching {count} jars, 44 MB, once (into {home.parent}) …")
    for left in reversed(range(TRIES)):
        shutil.rmtree(work := home.with_suffix(".partial"), ignore_errors=True)
        try:
            jars = _resolve(work, _Progress(count, say))
            break
        except (OSError, RuntimeError, ValueError) as problem:
            reason = str(problem).splitlines()[0][:200]
            say(f"Apache Kafka: could not be fetched ({reason}){', trying again' if left else ''}")
            if not left:
                how = f"Is the network there? Behind a mirror, name it: {MIRROR}=https://…. {INSTEAD}"
                raise CannotStart(f"Apache Kafka's jars cannot be had: {reason}.\n{how}") from problem
    whole = work / "whole"
    whole.mkdir()
    for jar in jars:
        shutil.copyfile(jar, whole / jar.name)
    try:
        verified(whole, sums)
        whole.rename(home)
    finally:
        shutil.rmtree(work)


def _resolve(work: Path, progress: "_Progress") -> list[Path]:
    from jgo.env import EnvironmentBuilder  # only here: a set with a warm cache does not pay for this import
    from jgo.maven import MavenContext, PythonResolver

    logging.getLogger("jgo").setLevel(logging.ERROR)
    mirror = os.environ.get(MIRROR)  # of Maven's central repository; none: that itself
    context = MavenContext(
        resolver=PythonResolver(progress_callback=progress),
        repo_cache=work / "repo",
        remote_repos={"central": mirror} if mirror else None,
        timeout=30,
    )
    environment = EnvironmentBuilder(context, cache_dir=work / "envs").from_endpoint(ENDPOINT)
    return list(environment.all_jars)


class _Progress:
    """One line at each tenth jar."""

    def __init__(self, count: int, say: Say) -> None:
        self.count = count
        self.say = say
        self.jars = 0
        self.bytes = 0

    @contextmanager
    def __call__(self, name: str, size: int) -> Iterator[Callable[[int], None]]:
        yield self._add
        if name.endswith(".jar"):
            self.jars += 1
            if self.jars % 10 == 0 or self.jars == self.count:
                self.say(f"Apache Kafka: {self.jars} of {self.count} jars, {self.bytes / 1e6:.0f} MB")

    def _add(self, count: int) -> None:
        self.bytes += count
