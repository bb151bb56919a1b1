"""The checker finds what was planted: losses, double effects, ghosts, wrong order, slow recovery."""

import pytest

from tests.chaos.history import Effect, History, Outcome, judge
from tests.chaos.table import Row, printed


def history(**outcomes: Outcome) -> History:
    """Tries of one key, in this order, then a fault that is healed."""
    made = History()
    for id, outcome in outcomes.items():
        made.invoke(id, "key")
        made.end(id, outcome)
    made.fault("planted")
    made.heal()
    return made


def effects(*ids: str, after: float = 0.0, base: float = 0.0) -> list[Effect]:
    return [Effect(id, "key", base + after) for id in ids]


def test_history_without_a_fault_of_ours_holds() -> None:
    verdict = judge(history(a=Outcome.OK, b=Outcome.FAILED, c=Outcome.OK), effects("a", "c"))

    assert verdict.holds
    assert (verdict.tried, verdict.told_ok, verdict.untold, verdict.faults) == (3, 2, 0, 1)


def test_effect_that_never_came_is_lost() -> None:
    verdict = judge(history(a=Outcome.OK, b=Outcome.OK), effects("a"))

    assert verdict.lost == ["b"]
    assert not verdict.holds


def test_second_effect_is_a_double() -> None:
    verdict = judge(history(a=Outcome.OK, b=Outcome.OK), effects("a", "b", "a"))

    assert verdict.doubled == ["a"]
    assert not verdict.disordered, "a repeat is no new place"
    assert not verdict.holds


@pytest.mark.parametrize("ghost", ["b", "nobody"])
def test_effect_of_what_failed_or_was_never_tried_is_a_ghost(ghost: str) -> None:
    verdict = judge(history(a=Outcome.OK, b=Outcome.FAILED), effects("a", ghost))

    assert verdict.ghosts == [ghost]
    assert not verdict.holds


def test_effect_after_that_of_a_later_try_of_its_key_is_out_of_order() -> None:
    verdict = judge(history(a=Outcome.OK, b=Outcome.OK, c=Outcome.OK), effects("b", "a", "c"))

    assert verdict.disordered == ["a"]
    assert not verdict.holds


def test_order_over_keys_is_nobodys_promise() -> None:
    made = History()
    for id, key in (("a", "one"), ("b", "other")):
        made.invoke(id, key)
        made.end(id, Outcome.OK)

    assert judge(made, [Effect("b", "other", 0.0), Effect("a", "one", 0.0)]).holds


@pytest.mark.parametrize("seen", [("a",), ("a", "b")])
def test_unknown_outcome_may_have_its_effect_or_not(seen: tuple[str, ...]) -> None:
    assert judge(history(a=Outcome.OK, b=Outcome.UNKNOWN), effects(*seen)).holds


@pytest.mark.parametrize("ids", [("a", "b", "b"), ("b", "a")])
def test_unknown_outcome_is_no_excuse_for_doubles_or_wrong_order(ids: tuple[str, ...]) -> None:
    assert not judge(history(a=Outcome.OK, b=Outcome.UNKNOWN), effects(*ids)).holds


def test_recovery_is_the_time_from_the_last_faults_end_to_the_last_effect_of_what_was_before() -> None:
    made = history(a=Outcome.OK)
    made.invoke("later", "key")
    made.tries["later"].begun = made.healed + 1
    made.end("later", Outcome.OK)

    verdict = judge(made, [*effects("a", after=7.5, base=made.healed), *effects("later", after=99, base=made.healed)])

    assert verdict.recovery_seconds == pytest.approx(7.5)


def test_id_is_tried_once() -> None:
    made = history(a=Outcome.OK)

    with pytest.raises(ValueError, match="a was tried before"):
        made.invoke("a", "key")


GOOD = judge(history(a=Outcome.OK), effects("a"))
LOST = judge(history(a=Outcome.OK, b=Outcome.OK), effects("a"))
SLOW = judge(made := history(a=Outcome.OK), effects("a", after=31, base=made.healed))


@pytest.mark.parametrize(
    ("row", "holds"),
    [
        (Row("good", 1, GOOD), True),
        (Row("lost", 1, LOST), False),
        (Row("slow", 1, SLOW), False),
        (Row("slow but allowed", 1, SLOW, recovery_limit=60), True),
        (Row("parked", 1, GOOD, parked=1), False),
        (Row("broken otherwise", 1, GOOD, broken=["a call failed"]), False),
        (Row("nothing was tried", 1, judge(history(), ())), False),
        (Row("nothing was broken", 1, judge(History(), ())), False),
    ],
)
def test_row_holds_only_where_all_of_it_does(row: Row, holds: bool) -> None:
    assert row.holds is holds
    assert row.cells()[-1] == ("holds" if holds else "BROKEN")


def test_table_names_what_is_wrong() -> None:
    shown = printed([Row("good", 1, GOOD), Row("bad", 1, LOST, notes=["a note"], broken=["a call failed"])])

    assert "bad: lost: b" in shown
    assert "bad: a note" in shown
    assert "bad: DOES NOT HOLD: a call failed" in shown
    assert len({line.index("holds") for line in shown.splitlines() if line.startswith("good")}) == 1
