"""The kernel's metrics, in Prometheus' words; names and labels hold no ids and nothing personal."""

from prometheus_client import Counter, Gauge, Histogram

relayed = Counter("kabinet_outbox_sent_total", "Outbox rows acknowledged by Kafka")
relay_restarts = Counter("kabinet_relay_restarts_total", "Times the relay began again with a new producer")
outbox_waiting = Gauge("kabinet_outbox_waiting_rows", "Outbox rows not sent yet")
outbox_refused = Gauge(
    "kabinet_outbox_refused_rows",
    "Outbox rows that can never be sent and hold their key",
)
handled = Counter("kabinet_records_handled_total", "Records whose effect is committed", ["topic"])
repeated = Counter("kabinet_records_repeated_total", "Records that the inbox knew already", ["topic"])
ignored = Counter(
    "kabinet_records_ignored_total",
    "Records of types that this service does not read",
    ["topic"],
)
parked = Counter("kabinet_records_parked_total", "Records parked in dead_letters", ["topic"])
retried = Counter(
    "kabinet_batches_retried_total",
    "Batches tried again after a transient failure",
    ["topic"],
)
dead_letters = Gauge("kabinet_dead_letters_waiting", "Records in dead_letters that wait for a decision", ["topic"])
dead_letters_oldest = Gauge("kabinet_dead_letters_oldest_seconds", "Age of the dead letter that waits longest; 0: none")
dead_letters_resolved = Gauge(
    "kabinet_dead_letters_resolved",
    "Dead letters that people replayed or dropped, as long as they are kept",
    ["resolution"],
)
partitions_without_room = Gauge(
    "kabinet_partitions_without_room",
    "Partitions that stand because their next record would be a dead letter above the limit",
)
requests = Histogram(
    "kabinet_http_request_seconds",
    "Time to answer, by route template",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25),
)
