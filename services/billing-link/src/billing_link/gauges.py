"""billing-link's own metrics, in Prometheus' words; they hold no number of an account and no amount."""

from prometheus_client import Gauge

guess_bound = Gauge("kabinet_link_guess_bound", "The most that guessing amounts can win, as a probability", ["per"])
guess_bound_of_class = Gauge(
    "kabinet_link_guess_bound_of_class", "The same per account, where the class of its payment is known", ["amounts"]
)
guess_bound_alarm = Gauge("kabinet_link_guess_bound_alarm", "Above this, per account, an alarm is raised")
guess_bound_age = Gauge("kabinet_link_guess_bound_age_seconds", "How long ago the bound was computed; NaN: never")
guess_links = Gauge("kabinet_link_guess_links_per_day", "Accounts that all guessers can link a day, in the mean")
attempts = Gauge("kabinet_link_attempts_day", "Wrong or undecided link requests of the last 24 hours")
attempts_limit = Gauge("kabinet_link_attempts_day_limit", "So many may be; then nobody can ask for an account")
