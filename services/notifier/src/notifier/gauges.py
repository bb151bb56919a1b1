"""The notifier's own metrics, in Prometheus' words; they hold no address and nothing of a message."""

from typing import get_args

from prometheus_client import Counter, Gauge, Histogram

from notifier.rules import CLASSES, Channel, Kind, Outcome, Status

ended = Counter("kabinet_notifications_ended_total", "Notifications by how they ended", ["kind", "channel", "status"])
handings = Counter(
    "kabinet_hand_overs_total", "Attempts to hand a message over, by what they came to", ["channel", "outcome"]
)
hand_over_seconds = Histogram(
    "kabinet_hand_over_seconds",
    "From the notification to a server or provider that took it",
    ["channel", "class"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 43200),
)
waiting = Gauge(
    "kabinet_notifications_waiting", "Notifications to be handed over, counted up to 10,000", ["channel", "class"]
)
overdue = Gauge(
    "kabinet_notifications_overdue_seconds", "How long the longest has been due and not taken up", ["channel", "class"]
)
without_address = Gauge(
    "kabinet_notifications_without_address", "Notifications whose reader's address is not known yet, up to 10,000"
)
resting = Gauge("kabinet_sms_provider_resting", "1: the provider failed in a row and is not asked", ["provider"])

# Known beforehand, so that the first of an hour is a rise and not a series that was never there.
for _channel in get_args(Channel):
    for _status in (Status.SENT, Status.FAILED, Status.UNKNOWN, Status.EXPIRED):
        for _kind in Kind:
            ended.labels(_kind, _channel, _status)
    for _outcome in Outcome:
        handings.labels(_channel, _outcome)
    for _class in CLASSES:
        hand_over_seconds.labels(_channel, _class)
