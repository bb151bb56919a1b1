"""verification's own metrics, in Prometheus' words; they hold no number."""

from typing import get_args

from prometheus_client import Counter, Gauge

from shared.contracts.verification import Purpose
from verification.rules import Rule

sent = Counter("kabinet_codes_sent_total", "SMS with a code that were let go", ["purpose", "send"])
verified = Counter("kabinet_codes_verified_total", "Codes that were right: the phone was in hand", ["purpose"])
wrong = Counter("kabinet_codes_wrong_total", "Checks of a living code that were wrong", ["purpose"])
refused = Counter("kabinet_codes_refused_total", "Codes and checks that a guard refused", ["rule"])
guess_bound = Gauge("kabinet_code_guess_bound", "The most that guessing can win, as a probability", ["per"])
money_spent = Gauge("kabinet_sms_money_spent_roubles", "What the SMS of the window cost", ["window"])
money_cap = Gauge("kabinet_sms_money_cap_roubles", "What they may cost; then nothing goes out", ["window"])
prefixes_blocked = Gauge("kabinet_sms_prefixes_blocked", "Number ranges that get no codes: too few are verified")

# Known beforehand, so that the first of an hour is a rise and not a series that was never there.
for _purpose in get_args(Purpose):
    verified.labels(_purpose), wrong.labels(_purpose)
    for _send in ("first", "again"):
        sent.labels(_purpose, _send)
for _rule in Rule:
    refused.labels(_rule)
