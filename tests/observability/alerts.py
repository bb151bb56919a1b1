"""For each alert, series among which it must fire and others among which it must not, in promtool's notation.

A minute apart; looked at after `LOOKED_AT` minutes.
"""

from collections.abc import Mapping

LONG, LOOKED_AT = 90, 75
NOT_KNOWN = " ".join(["NaN"] * LONG)
"""As a gauge says it while the database is away."""
Series = Mapping[str, str]


def always(value: float) -> str:
    return f"{value}x{LONG}"


def growing(by: float) -> str:
    """By so much each minute."""
    return f"0+{by}x{LONG}"


def _up(but: str | None = None) -> Series:
    names = [
        f"{service}-{part}"
        for service in ("identity", "verification", "billing-link", "notifier")
        for part in ("api", "worker")
    ]
    return {f'up{{job="{name}", instance="{name}:1"}}': always(1) for name in [*names, "portal"] if name != but}


def _answers(status: str, by: float) -> Series:
    return {f'kabinet_http_request_seconds_count{{job="identity-api", route="/v1/me", status="{status}"}}': growing(by)}


def _times(route: str, slow: float) -> Series:
    """60 requests a minute; those that take longer than a second are `slow` of them."""
    bucket = f'kabinet_http_request_seconds_bucket{{job="identity-api", route="{route}", status="200", le="%s"}}'
    return {
        f'kabinet_http_request_seconds_count{{job="identity-api", route="{route}", status="200"}}': growing(60),
        bucket % "1": growing(60 - slow),
        bucket % "2.5": growing(60),
        bucket % "+Inf": growing(60),
    }


def _money(spent: float, job: str = "verification-worker") -> Series:
    labels = f'{{job="{job}", window="hour"}}'
    return {
        f"kabinet_sms_money_spent_roubles{labels}": always(spent),
        f"kabinet_sms_money_cap_roubles{labels}": always(3000),
    }


def _codes(sent: float, verified: float) -> Series:
    return {
        'kabinet_codes_sent_total{job="verification-api", purpose="registration", send="first"}': growing(sent),
        'kabinet_codes_verified_total{job="verification-api", purpose="registration"}': growing(verified),
        'kabinet_sms_prefixes_blocked{job="verification-worker"}': always(0),
    }


def _sms(accepted: float, failed: float) -> Series:
    labels = 'job="notifier-worker", provider="primary"'
    return {
        f'kabinet_sms_handed_over_total{{{labels}, outcome="accepted"}}': growing(accepted),
        f'kabinet_sms_handed_over_total{{{labels}, outcome="try_later"}}': growing(failed),
    }


def _letters(accepted: float, unknown: float, refused: float = 0) -> Series:
    labels = 'job="notifier-worker", channel="email"'
    return {
        f'kabinet_hand_overs_total{{{labels}, outcome="accepted"}}': growing(accepted),
        f'kabinet_hand_overs_total{{{labels}, outcome="unknown"}}': growing(unknown),
        f'kabinet_hand_overs_total{{{labels}, outcome="refused"}}': growing(refused),
    }


def _ends(sent: float, other: float, status: str) -> Series:
    labels = 'job="notifier-worker", kind="password_recovery", channel="email"'
    return {
        f'kabinet_notifications_ended_total{{{labels}, status="sent"}}': growing(sent),
        f'kabinet_notifications_ended_total{{{labels}, status="{status}"}}': growing(other),
    }


def _code_times(up_to_10: str, up_to_30: str, up_to_60: str) -> Series:
    labels = 'job="notifier-worker", channel="sms", class="code"'
    counts = {"10": up_to_10, "30": up_to_30, "60": up_to_60, "+Inf": up_to_60}
    return {f'kabinet_hand_over_seconds_bucket{{{labels}, le="{le}"}}': count for le, count in counts.items()}


def _lag(records: float, committed: str) -> Series:
    labels = '{job="notifier-worker", topic="identity.events"}'
    return {
        f"kabinet_consumer_lag_records{labels}": always(records),
        f"kabinet_records_committed_total{labels}": committed,
        f"kabinet_consumer_joined{labels}": always(1),
    }


WORKER, API = '{job="identity-worker"}', '{job="identity-api"}'
REDIS = 'kabinet_ready{job="%s", check="redis", level="needed", instance="%s"}'

CASES: Mapping[str, list[tuple[bool, Series]]] = {
    "KabinetOutboxStuck": [
        (True, {f"kabinet_outbox_oldest_seconds{WORKER}": always(75)}),
        (False, {f"kabinet_outbox_oldest_seconds{WORKER}": always(20)}),
        (False, {f"kabinet_outbox_oldest_seconds{WORKER}": NOT_KNOWN}),
    ],
    "KabinetOutboxRefused": [
        (True, {f"kabinet_outbox_refused_rows{WORKER}": always(1)}),
        (False, {f"kabinet_outbox_refused_rows{WORKER}": always(0)}),
    ],
    "KabinetConsumerLagging": [
        (True, _lag(9000, growing(500))),
        (False, _lag(900, growing(500))),
    ],
    "KabinetConsumerStalled": [
        (True, _lag(3, always(7))),
        (True, {'kabinet_consumer_joined{job="notifier-worker", topic="identity.events"}': always(0)}),
        (False, _lag(3, growing(1))),
        (False, _lag(0, always(7))),
        (
            False,  # another worker has joined
            {f'kabinet_consumer_joined{{job="notifier-worker", topic="x", instance="{n}"}}': always(n) for n in (0, 1)},
        ),
    ],
    "KabinetDeadLetters": [
        (True, {'kabinet_dead_letters_waiting{job="notifier-worker", topic="identity.events"}': always(2)}),
        (False, {'kabinet_dead_letters_waiting{job="notifier-worker", topic="identity.events"}': always(0)}),
    ],
    "KabinetPartitionStands": [
        (True, {f"kabinet_partitions_without_room{WORKER}": always(1)}),
        (False, {f"kabinet_partitions_without_room{WORKER}": always(0)}),
    ],
    "KabinetTopicDiffers": [
        (True, {f"kabinet_topic_differences{WORKER}": always(1)}),
        (False, {f"kabinet_topic_differences{WORKER}": always(0)}),
    ],
    "KabinetRelayRestarts": [
        (True, {f"kabinet_relay_restarts_total{WORKER}": growing(1)}),
        (False, {f"kabinet_relay_restarts_total{WORKER}": growing(0.2)}),
    ],
    "KabinetDown": [
        (True, {**_up("notifier-worker"), 'up{job="notifier-worker", instance="notifier-worker:1"}': always(0)}),
        (True, _up("portal")),  # none among the targets
        (False, _up()),
        (False, {**_up(), 'up{job="portal", instance="portal:2"}': always(0)}),  # the other one answers
    ],
    "KabinetNotReady": [
        (True, {'kabinet_ready{job="identity-api", check="database", level="needed"}': always(0)}),
        (False, {'kabinet_ready{job="identity-api", check="database", level="needed"}': always(1)}),
        (False, {'kabinet_ready{job="identity-api", check="broker", level="useful"}': always(0)}),
    ],
    "KabinetErrors": [
        (True, {**_answers("200", 900), **_answers("500", 60)}),
        (False, {**_answers("200", 900), **_answers("503", 6)}),
        (False, {**_answers("200", 900), **_answers("422", 600)}),
        (False, {**_answers("200", 10), **_answers("500", 1)}),  # one a minute in the night
    ],
    "KabinetSlow": [
        (True, _times("/v1/me", slow=6)),
        (False, _times("/v1/me", slow=0.1)),
        (False, _times("/v1/link-requests/{request_id:uuid}", slow=60)),  # it waits on purpose
    ],
    "KabinetPoolExhausted": [
        (True, {'kabinet_database_wait_seconds_sum{job="identity-api", pool="transactions"}': growing(300)}),
        (False, {'kabinet_database_wait_seconds_sum{job="identity-api", pool="transactions"}': growing(6)}),
    ],
    "KabinetRestarting": [
        (True, {f"process_start_time_seconds{WORKER}": "0x65 100 200 300 400x20"}),
        (False, {f"process_start_time_seconds{WORKER}": "0x65 100x20"}),
    ],
    "KabinetSignInsQueue": [
        (True, {f"kabinet_sign_ins_waiting{API}": always(60)}),
        (False, {f"kabinet_sign_ins_waiting{API}": "0x73 60 0x15"}),
    ],
    "KabinetSpray": [
        (True, {'kabinet_guesses_refused_total{job="identity-api", of="login"}': growing(50)}),
        (False, {'kabinet_guesses_refused_total{job="identity-api", of="login"}': growing(2)}),
    ],
    "KabinetErasureLate": [
        (True, {f"kabinet_erasures_oldest_seconds{WORKER}": always(50_000)}),
        (False, {f"kabinet_erasures_oldest_seconds{WORKER}": always(600)}),
    ],
    "KabinetSmsMoneySpent": [
        (True, _money(3000)),
        (False, _money(2999)),
    ],
    "KabinetSmsMoneyNear": [
        (True, _money(2500)),
        (False, _money(2000)),
        (False, _money(3000)),  # that is another alert
    ],
    "KabinetPumping": [
        (True, _codes(10, 1)),
        (True, {**_codes(10, 9), 'kabinet_sms_prefixes_blocked{job="verification-worker"}': always(1)}),
        (False, _codes(10, 8)),
        (False, _codes(0.5, 0)),  # a few people at night
    ],
    "KabinetCodeStoreAway": [
        (True, {REDIS % ("verification-api", n): always(0) for n in "ab"}),
        (False, {REDIS % ("verification-api", "a"): always(0), REDIS % ("verification-api", "b"): always(1)}),
        (False, {REDIS % ("portal", "a"): always(0)}),
    ],
    "KabinetGuessBound": [
        (
            True,
            {
                'kabinet_link_guess_bound{job="billing-link-worker", per="account"}': always(0.06),
                'kabinet_link_guess_bound_alarm{job="billing-link-worker"}': always(0.05),
            },
        ),
        (
            False,
            {
                'kabinet_link_guess_bound{job="billing-link-worker", per="account"}': always(0.01),
                'kabinet_link_guess_bound{job="billing-link-worker", per="user-day"}': always(0.5),
                'kabinet_link_guess_bound_alarm{job="billing-link-worker"}': always(0.05),
            },
        ),
    ],
    "KabinetGuessBoundStale": [
        (True, {'kabinet_link_guess_bound_age_seconds{job="billing-link-worker"}': always(200_000)}),
        (True, {'kabinet_link_guess_bound_age_seconds{job="billing-link-worker"}': NOT_KNOWN}),
        (False, {'kabinet_link_guess_bound_age_seconds{job="billing-link-worker"}': always(80_000)}),
    ],
    "KabinetLinkAttemptsExhausted": [
        (
            True,
            {
                'kabinet_link_attempts_day{job="billing-link-worker"}': always(2000),
                'kabinet_link_attempts_day_limit{job="billing-link-worker"}': always(2000),
            },
        ),
        (
            False,
            {
                'kabinet_link_attempts_day{job="billing-link-worker"}': always(1999),
                'kabinet_link_attempts_day_limit{job="billing-link-worker"}': always(2000),
            },
        ),
    ],
    "KabinetLinkDecisionsLate": [
        (True, {'kabinet_link_requests_oldest_seconds{job="billing-link-worker"}': always(600)}),
        (False, {'kabinet_link_requests_oldest_seconds{job="billing-link-worker"}': always(2)}),
    ],
    "KabinetSmsProviderDown": [
        (True, _sms(1, 9)),
        (False, _sms(9, 1)),
        (False, _sms(0, 0)),
    ],
    "KabinetMailServerDown": [
        (True, _letters(1, 9)),
        (False, _letters(9, 1)),
        (False, _letters(1, 0, refused=9)),  # addresses that are none are no fault of the server
    ],
    "KabinetHandOverSlow": [
        (
            True,
            {'kabinet_notifications_overdue_seconds{job="notifier-worker", channel="sms", class="code"}': always(40)},
        ),
        (
            True,
            _code_times(growing(1), growing(2), growing(10)),
        ),
        (
            False,
            {'kabinet_notifications_overdue_seconds{job="notifier-worker", channel="sms", class="code"}': always(2)},
        ),
        (
            False,
            {
                'kabinet_notifications_overdue_seconds{job="notifier-worker", channel="email", class="notice"}': always(
                    40
                )
            },
        ),
    ],
    "KabinetMessagesUnknown": [
        (True, _ends(10, 0.2, "unknown")),
        (False, _ends(10, 0.01, "unknown")),
    ],
    "KabinetMessagesFailed": [
        (True, _ends(1, 1, "expired")),
        (False, _ends(100, 1, "failed")),
        (False, _ends(0.1, 0.1, "failed")),  # a few in an hour
    ],
    "KabinetCabinetSessionsAway": [
        (True, {REDIS % ("portal", "a"): always(0)}),
        (False, {REDIS % ("portal", "a"): always(1)}),
    ],
}
