"""The effects of what people did: found in the mailbox, in the topics and in the databases, and led back to the act."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx2

from notifier.rules import SECURITY
from tests.chaos.history import Effect, History, Outcome
from tests.chaos.people import People
from tests.chaos.whole_state import Said, rows, said

LOOK_SECONDS = 8.0
TELLING = {
    "verification.code_requested.v1",
    "identity.email_confirmation_requested.v1",
    "identity.password_recovery_requested.v1",
    "identity.password_changed.v1",
    "billing_link.account_linked.v1",
}
"""Of each of these, and of a sign-in from a new device, the notifier must make exactly one notification."""

Found = Sequence[tuple[str, float]]
"""Effects of one subject in the order in which they were seen: the key under which order counts, and the moment."""


@dataclass
class Mailbox:
    """Everything that arrived since it was opened: the mailbox itself keeps the last thousand."""

    url: str
    http: httpx2.AsyncClient
    seen: dict[str, dict[str, Any]] = field(default_factory=dict)
    before: set[str] = field(default_factory=set)

    async def open(self) -> None:
        await self.look()
        self.before = set(self.seen)
        self.seen.clear()

    async def look(self) -> None:
        answer = await self.http.get(f"{self.url}/api/messages", timeout=30)
        for item in answer.json()["items"]:
            if item["id"] not in self.before:
                self.seen.setdefault(item["id"], item)

    async def run(self) -> None:
        """Until it is cancelled; a mailbox that is away is asked again."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except (httpx2.HTTPError, ValueError, KeyError):
                continue


@dataclass(frozen=True)
class Collected:
    """What was found. `notes` count what is allowed and worth telling."""

    effects: list[Effect]
    broken: list[str]
    notes: list[str]


async def collect(people: People, mailbox: Mailbox, before: set[str]) -> Collected:
    """Everything since the events `before` and the mailbox's opening; call it when all is at rest."""
    env = people.kabinet.env
    await mailbox.look()
    events = [one for one in await said(env["KAFKA_BOOTSTRAP_SERVERS"]) if one.id not in before]
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    from_topics(people, events, found)
    from_mailbox(mailbox, found)
    broken = await _rows_of_links(people, found)
    await _excuse_unknown_feedback(people)
    effects = led_back(people, found)
    told = await _notifications(people.history, env, events, mailbox)
    repeats = sum(one.repeats for one in events)
    notes = [f"{len(events)} events in the topics, {repeats} repeats of them", *told.notes]
    return Collected(sorted(effects + told.effects, key=lambda one: one.at), broken + told.broken, notes)


def from_topics(people: People, events: Sequence[Said], found: dict[str, list[tuple[str, float]]]) -> None:
    """What the services said, by the subject that its act expects; a wrong decision is no act's."""
    for event in events:
        owner, _, rest = event.type.partition(".")
        fact = rest.removesuffix(".v1")
        subject, order = f"{fact} {event.key}", f"{event.topic} {event.key}"
        match fact:
            case "code_requested" | "email_confirmation_requested":
                if subject not in people.subjects:
                    subject = f"untold {fact}"
            case "phone_verified" | "user_registered" | "session_started" | "password_changed":
                pass
            case "password_recovery_requested":
                order = event.id  # the worker says it some time after the call, beside what the user does next
            case "link_requested":
                subject = f"link event {event.key}"
            case "account_linked" | "link_refused":
                right = people.truths.get(event.key) == ("linked" if fact == "account_linked" else "refused")
                subject = f"link decision {event.key}" if right else f"wrongly decided {event.key}"
                order = f"decision {event.key}"
            case _:
                continue  # what follows from the others
        if owner != "notifier":
            found[subject].append((order, event.at))


def from_mailbox(mailbox: Mailbox, found: dict[str, list[tuple[str, float]]]) -> None:
    """SMS and letters of feedback; other letters are led back by their notification."""
    letters: set[str] = set()
    for item in sorted(mailbox.seen.values(), key=lambda one: str(one["received_at"])):
        at = datetime.fromisoformat(item["received_at"]).timestamp()
        if item["channel"] == "sms":
            found[f"sms {item['to']}"].append((item["id"], at))
        elif _message_id(item) not in letters and "support@" in item["to"]:
            act = str(item["text"]).rpartition("(feedback ")[2].partition(")")[0]
            found[f"support feedback {act}"].append((item["id"], at))
        elif _message_id(item) not in letters:
            found[f"receipt {item['to']}"].append((item["id"], at))
        letters.add(_message_id(item))


async def _rows_of_links(people: People, found: dict[str, list[tuple[str, float]]]) -> list[str]:
    sql = "SELECT account_number, status, decided_at FROM link_requests WHERE account_number = ANY($1)"
    broken = []
    for row in await rows(people.kabinet.env, "billing-link", sql, list(people.truths)):
        if row["status"] != people.truths[row["account_number"]]:
            broken.append(f"the request for {row['account_number']} is {row['status']}")
        if row["decided_at"] is not None:
            found[f"link row {row['account_number']}"].append((row["account_number"], row["decided_at"].timestamp()))
    return broken


async def _excuse_unknown_feedback(people: People) -> None:
    """A letter whose handing over got no answer twice may or may not be there, and the notifier says so."""
    sql = (
        "SELECT f.reference, n.kind FROM feedback_messages f JOIN notifications n USING (event_id)"
        " WHERE n.status = 'unknown' AND f.reference = ANY($1)"
    )
    acts = {reference: act for act, reference in people.references.items()}
    for row in await rows(people.kabinet.env, "notifier", sql, list(acts)):
        effect = "letter" if row["kind"] == "feedback" else "receipt"
        people.history.tries[f"{acts[row['reference']]} {effect}"].outcome = Outcome.UNKNOWN


def led_back(people: People, found: Mapping[str, Found]) -> list[Effect]:
    """Each effect with its act: more effects than tries are the last one's again, those of no act are nobody's."""
    effects: list[Effect] = []
    for subject, seen in found.items():
        acts = chosen(people.history, people.subjects.get(subject, []), len(seen))
        if not acts and subject.startswith("receipt "):
            continue  # a letter to somebody who wrote no feedback: its notification tells of it
        for number, (key, at) in enumerate(seen):
            effects.append(Effect(acts[min(number, len(acts) - 1)] if acts else f"nobody's {subject}", key, at))
    return effects


def chosen(history: History, acts: Sequence[str], effects: int) -> list[str]:
    """Which of a subject's tries so many effects belong to: first those that were told ok, then the untold."""
    outcomes = {act: history.tries[act].outcome for act in acts if act in history.tries}
    told = [act for act, outcome in outcomes.items() if outcome is Outcome.OK]
    untold = [act for act, outcome in outcomes.items() if outcome is Outcome.UNKNOWN]
    taken = {*told[:effects], *untold[: max(effects - len(told), 0)]}
    return [act for act in outcomes if act in taken]


async def _notifications(
    history: History, env: Mapping[str, str], events: Iterable[Said], mailbox: Mailbox
) -> Collected:
    """Each telling event made one notification, each of those came to one end, and as many letters as that end says.

    These are tries of the set itself, so they are written into the history as told ok.
    """
    sql = (
        "SELECT n.id::text, n.event_id::text, n.kind, n.channel, n.status, n.created_at,"
        " (SELECT count(*) FROM attempts a WHERE a.notification_id = n.id AND outcome = 'unknown') AS unknown"
        " FROM notifications n"
    )
    by_event: dict[str, list[Any]] = defaultdict(list)
    for row in await rows(env, "notifier", sql):
        by_event[row["event_id"]].append(row)
    letters: dict[str, list[float]] = defaultdict(list)
    for item in mailbox.seen.values():
        if item["channel"] == "email":
            letters[_message_id(item)].append(datetime.fromisoformat(item["received_at"]).timestamp())
    effects, broken, ends, repeated = [], [], Counter[str](), 0
    for event in events:
        if event.type in TELLING or (event.type.endswith("session_started.v1") and not event.data["known_device"]):
            _as_told(history, name := f"notification of {event.id}", event.at)
            effects += [Effect(name, name, row["created_at"].timestamp()) for row in by_event[event.id]]
        for row in by_event[event.id]:
            ends[row["status"]] += 1
            arrived = sorted(letters.pop(row["id"], []))
            if row["channel"] == "email" and row["status"] == "sent":
                _as_told(history, name := f"letter of {row['id']}", row["created_at"].timestamp())
                effects += [Effect(name, name, at) for at in arrived[:1]]
            most = 2 if row["kind"] not in SECURITY and row["unknown"] else 1
            repeated += max(len(arrived) - 1, 0)
            if len(arrived) > most or (arrived and row["status"] in ("failed", "expired")):
                broken.append(f"a {row['kind']} that is {row['status']} arrived {len(arrived)} times")
    return Collected(effects, broken, [f"notifications: {dict(ends)}, notices that came twice: {repeated}"])


def _as_told(history: History, name: str, at: float) -> None:
    history.invoke(name, name)
    history.end(name, Outcome.OK)
    history.tries[name].begun = at


def _message_id(item: Mapping[str, Any]) -> str:
    return str(item["headers"].get("Message-ID", "")).strip("<> ").partition("@")[0]
