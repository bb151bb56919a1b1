"""The gauges of identity, in Prometheus' words; names and labels hold nothing personal."""

from prometheus_client import Gauge

sign_ins_waiting = Gauge("kabinet_sign_ins_waiting", "Sign-ins and proofs by password that wait for a turn")
erasures_oldest = Gauge(
    "kabinet_erasures_oldest_seconds", "Age of the oldest erasure whose receipts have not all come; 0: none"
)
