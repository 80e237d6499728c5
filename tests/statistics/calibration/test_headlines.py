"""Error rates of the headline rule, and the truths it is measured on."""

from __future__ import annotations

from dgpg_verify.statistics.calibration.headlines import headline_error_rates, headline_truths, majority

REPETITIONS = 400  # a rule that errs at 1 % shows no error with probability 0.02, so one error is allowed


def test_the_truths_hold_every_headline() -> None:
    assert {truth.headline for truth in headline_truths()} == {"supported", "refuted", "depends"}


def test_truths_have_as_many_readings_as_their_names_say() -> None:
    numbers = {"one": 1, "two": 2, "three": 3, "four": 4}
    for truth in headline_truths():
        said = [numbers[word] for word in truth.name.split() if word in numbers and "each" not in truth.name]
        assert len(truth.readings) == (sum(said) or 4) and {len(rows) for rows in truth.readings} == {3}


def test_the_rule_errs_no_more_than_allowed_and_the_control_does(seed: int) -> None:
    """Each rate is one of 8 with an allowance at 95 %; rows at 99.98 % err far below it (0 of 1 000 with seed 0)."""
    records, control = headline_error_rates(REPETITIONS, seed), headline_error_rates(REPETITIONS, seed, majority)
    for record in records:
        assert max(record["false_support"], record["false_refutation"]) <= record["allowed"]
    assert max(max(record["false_support"], record["false_refutation"]) for record in control) > 0.5
    assert {record["procedure"] for record in control} == {"control: majority of readings"}


def test_the_rule_decides_where_readings_agree_clearly(seed: int) -> None:
    undecided = {record["truth"]: record["inconclusive"] for record in headline_error_rates(REPETITIONS, seed)}
    assert undecided["four readings, all bounded"] < 0.3 and undecided["four readings, all N"] < 0.01
