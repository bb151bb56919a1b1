"""billing-link's own metrics, in Prometheus' words; they hold no number of an account and no amount."""

from typing import get_args

from prometheus_client import Counter, Gauge, Histogram

from shared.contracts.billing_link import Origin

guess_bound = Gauge("kabinet_link_guess_bound", "The most that guessing amounts can win, as a probability", ["per"])
guess_bound_of_class = Gauge(
    "kabinet_link_guess_bound_of_class", "The same per account, where the class of its payment is known", ["amounts"]
)
guess_bound_alarm = Gauge("kabinet_link_guess_bound_alarm", "Above this, per account, an alarm is raised")
guess_bound_age = Gauge("kabinet_link_guess_bound_age_seconds", "How long ago the bound was computed; NaN: never")
guess_links = Gauge("kabinet_link_guess_links_per_day", "Accounts that all guessers can link a day, in the mean")
attempts = Gauge("kabinet_link_attempts_day", "Wrong or undecided link requests of the last 24 hours")
attempts_limit = Gauge("kabinet_link_attempts_day_limit", "So many may be; then nobody can ask for an account")
requests_pending = Gauge("kabinet_link_requests_pending", "Link requests that are not decided yet")
requests_oldest = Gauge("kabinet_link_requests_oldest_seconds", "Age of the oldest undecided link request; 0: none")
decisions = Counter("kabinet_link_decisions_total", "Link requests that were decided", ["outcome"])
decision_seconds = Histogram(
    "kabinet_link_decision_seconds",
    "From a link request to its decision",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600, 86400),
)
made = Counter("kabinet_links_made_total", "Accounts that were linked to a user", ["origin"])
ended = Counter("kabinet_links_ended_total", "Links that ended", ["reason"])
# Known beforehand, so that the first of them is a rise and not a series that was never there.
for _outcome in ("linked", "not-confirmed", "try-later"):
    decisions.labels(_outcome)
for _origin in get_args(Origin):
    made.labels(_origin)
