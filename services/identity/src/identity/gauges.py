"""The gauges of identity, in Prometheus' words; names and labels hold nothing personal."""

from prometheus_client import Counter, Gauge, Histogram

sign_ins_waiting = Gauge("kabinet_sign_ins_waiting", "Sign-ins and proofs by password that wait for a turn")
sign_in_wait = Histogram(
    "kabinet_sign_in_wait_seconds",
    "Waiting for the turn of a sign-in or a proof by password",
    buckets=(0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
password_work = Histogram(
    "kabinet_password_work_seconds",
    "Hashing or judging a password, with the wait for a thread",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
guesses_refused = Counter(
    "kabinet_guesses_refused_total", "Guesses at passwords above the limit of an address, a login or a device", ["of"]
)
for _of in ("address", "login", "device"):
    guesses_refused.labels(_of)  # known beforehand, so that the first of them is a rise
erasures_oldest = Gauge(
    "kabinet_erasures_oldest_seconds", "Age of the oldest erasure whose receipts have not all come; 0: none"
)
