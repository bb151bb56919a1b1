"""verification's own metrics, in Prometheus' words; they hold no number."""

from prometheus_client import Counter, Gauge

refused = Counter("kabinet_codes_refused_total", "Codes and checks that a guard refused", ["rule"])
guess_bound = Gauge("kabinet_code_guess_bound", "The most that guessing can win, as a probability", ["per"])
money_spent = Gauge("kabinet_sms_money_spent_roubles", "What the SMS of the window cost", ["window"])
money_cap = Gauge("kabinet_sms_money_cap_roubles", "What they may cost; then nothing goes out", ["window"])
prefixes_blocked = Gauge("kabinet_sms_prefixes_blocked", "Number ranges that get no codes: too few are verified")
