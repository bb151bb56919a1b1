"""The kernel's metrics, in Prometheus' words; names and labels hold no ids and nothing personal."""

from importlib.metadata import version

from prometheus_client import Counter, Gauge, Histogram, Info, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each, which nobody asks for
_UP_TO_10_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_UP_TO_AN_HOUR = (0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 900, 3600)

Info("kabinet_build", "The release that runs").info({"version": version("shared")})
ready = Gauge(
    "kabinet_ready",
    "1: a check of readiness holds, 0: not. Without what is needed HTTP is not answered, without what is useful it is",
    ["check", "level"],
)

relayed = Counter("kabinet_outbox_sent_total", "Outbox rows acknowledged by Kafka")
events_sent = Counter("kabinet_events_sent_total", "Events acknowledged by Kafka; at least once each", ["type"])
outbox_delay = Histogram(
    "kabinet_outbox_delay_seconds",
    "From the transaction to Kafka's acknowledgement, of each batch's oldest row",
    buckets=_UP_TO_AN_HOUR,
)
relay_active = Gauge("kabinet_relay_active", "1: this process has the relay's place and a producer")
relay_restarts = Counter("kabinet_relay_restarts_total", "Times the relay began again with a new producer")
outbox_waiting = Gauge("kabinet_outbox_waiting_rows", "Outbox rows not sent yet, counted up to 100,000")
outbox_oldest = Gauge("kabinet_outbox_oldest_seconds", "Age of the oldest outbox row not sent yet; 0: none")
outbox_refused = Gauge(
    "kabinet_outbox_refused_rows",
    "Outbox rows that can never be sent and hold their key",
)
consumer_joined = Gauge(
    "kabinet_consumer_joined", "1: this process reads the topic as a member of the group", ["topic"]
)
consumer_lag = Gauge(
    "kabinet_consumer_lag_records", "Records of this process's partitions that are not committed", ["topic"]
)
consumer_progress = Gauge(
    "kabinet_consumer_progress_seconds",
    "Since the least lively part of the consumer did something or had nothing to do",
)
committed = Counter("kabinet_records_committed_total", "Records that the committed offsets passed", ["topic"])
record_delay = Histogram(
    "kabinet_record_delay_seconds",
    "From Kafka's timestamp to the committed effect, of each batch's oldest record",
    ["topic"],
    buckets=_UP_TO_AN_HOUR,
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
partitions_paused = Gauge("kabinet_partitions_paused", "Partitions whose batch failed and is tried again", ["topic"])
topic_differences = Gauge(
    "kabinet_topic_differences", "Points in which the broker's topics differ from deploy/topics.yaml"
)

requests = Histogram(
    "kabinet_http_request_seconds",
    "Time to answer, by route template",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25),
)
in_flight = Gauge("kabinet_http_requests_in_flight", "Requests that are being answered")
refusals = Counter("kabinet_refusals_total", "Requests and fields refused, by the code that was answered", ["code"])

connections = Gauge("kabinet_database_connections", "Connections that are in use", ["pool"])
connections_limit = Gauge("kabinet_database_connections_limit", "So many may be in use; then callers wait", ["pool"])
connection_wait = Histogram(
    "kabinet_database_wait_seconds", "Waiting for a connection of the pool", ["pool"], buckets=_UP_TO_10_S
)
