"""What is told of a batch that Kafka has acknowledged: metrics, and a span for each event where traces are on."""

import json
import time
from collections import Counter
from collections.abc import Collection, Sequence

import asyncpg

from shared import metrics, telemetry


def tell_of_sent(rows: Sequence[asyncpg.Record], sent_ids: Collection[int], began: float) -> None:
    """`began`: when the batch was fetched; the rows' own `age` is of a moment after it."""
    if not sent_ids:
        return
    ids, now = set(sent_ids), time.time()
    sent = rows if len(ids) == len(rows) else [row for row in rows if row["id"] in ids]
    metrics.relayed.inc(len(sent))
    metrics.outbox_delay.observe(sent[0]["age"] + now - began)
    for type_, count in Counter(row["type"] for row in sent).items():
        metrics.events_sent.labels(type_).inc(count)
    if telemetry.is_on():
        for row in sent:
            telemetry.sent(row, json.loads(row["headers"]), began, now)
