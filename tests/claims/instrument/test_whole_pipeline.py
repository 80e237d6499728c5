"""A0.5: what is said to be true of every planted claim is true, and how whole experiments are judged and counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dgpg_verify.claims.instrument import a0_5_whole_pipeline as a0_5
from dgpg_verify.claims.instrument.a0_5_whole_pipeline import CLAIM, TRIED, allowed, experiments, fleets_of, rates
from dgpg_verify.claims.instrument.pipeline_truths import ASKED, FLEETS, SIZES, SYSTEMS, PlantedClaim
from dgpg_verify.claims.noise.questions import read_moments
from dgpg_verify.claims.question import Question, ledger_rows
from dgpg_verify.claims.series import Measured, Series, make_series
from dgpg_verify.core import Evidence, LedgerRow
from dgpg_verify.reporting.summary import claim_summary
from dgpg_verify.statistics.calibration.harness import is_allowed
from tests.claims.instrument.planted_moments import batch

SPREAD = 0.05  # of the log variances of made-up fleets
FAR = 10.0 ** np.array([6.0, 8.0])  # two N in the limit
PROVED = [asked for asked in ASKED if "proved" in asked.name]
MEASURED = [asked for asked in ASKED if "proved" not in asked.name]


def name_of(asked: PlantedClaim) -> str:
    return asked.name


def made_up(key: str, experiments_each: int, seed: int = 0) -> Series[Evidence]:
    """Experiments of a system without sampling error but for fleets that differ."""
    row = SYSTEMS[key].row("smoke")
    return make_series(row, batch(row, experiments_each * FLEETS, SPREAD, np.random.default_rng(seed)))


def exact(question: Question) -> Question:
    """The question answered by its estimate alone, here that of closed forms: no interval, no test of the line."""
    estimate = replace(question.verdict.estimate, low=None, high=None)
    assert estimate.value is not None and question.expected is not None
    holds = is_allowed(estimate.value, question.relation, question.expected)
    return replace(question, verdict=replace(question.verdict, label="supported" if holds else "refuted",
                                             estimate=estimate))  # fmt: skip


@pytest.mark.parametrize("asked", MEASURED, ids=name_of)
def test_what_is_said_to_hold_holds_by_the_closed_forms(asked: PlantedClaim) -> None:
    row = SYSTEMS[asked.system].row("smoke")
    cells = batch(row, 2, 0.0, np.random.default_rng(0))
    series = make_series(row, [fleet for cell in cells for fleet in fleets_of(cell)])
    asks = [exact(question) for question in asked.ask(read_moments(series, "measured"))]
    assert claim_summary(ledger_rows("A0.5", asked.name, asks, {}))[0].label == asked.holds


@pytest.mark.parametrize("asked", PROVED, ids=name_of)
def test_what_is_proved_of_the_limit_is_true_of_its_curve(asked: PlantedClaim) -> None:
    first, last = SYSTEMS[asked.system].ratio(FAR)
    limit = (last - first) / np.log(FAR[1] / FAR[0])
    assert limit == pytest.approx(0.0 if asked.holds == "supported" else 1.0, abs=1e-9)
    (question,) = asked.ask(experiments(made_up(asked.system, 1))[0])
    assert question.verdict.label == "inconclusive" and "in the limit of many agents" in question.verdict.why


def test_there_are_truths_of_every_kind() -> None:
    assert {asked.holds for asked in ASKED} == {"supported", "refuted", "depends", "inconclusive"}
    assert len({asked.name for asked in ASKED}) == len(ASKED) >= 12
    assert {asked.system for asked in ASKED} == set(SYSTEMS)


def test_cells_are_taken_apart_into_fleets_and_joined_to_experiments() -> None:
    series = made_up("sum", 3)
    fleets = [fleet for cell in series.evidence for fleet in fleets_of(cell)]
    assert [fleet.cell.replicate for fleet in fleets] == 4 * list(range(3 * FLEETS))
    assert all(fleet.cell.seed == fleet.cell.replicate and "seeds" not in fleet.cell.options for fleet in fleets)
    whole = experiments(series)
    assert len(whole) == 3
    assert [list(part.items) for part in whole] == [list(SIZES)] * 3
    assert [cell.fleet for part in whole for cell in part.items[64]] == list(range(3 * FLEETS))


def test_an_experiment_that_is_not_whole_is_not_judged() -> None:
    series = made_up("sum", 3)
    first = series.evidence[0]
    seeds = first.cell.options["seeds"][:-1]
    cut = replace(first, cell=replace(first.cell, options={**first.cell.options, "seeds": seeds}))
    assert len(experiments(make_series(series.row, [cut, *series.evidence[1:]]))) == 2


@pytest.mark.parametrize(
    "holds, found, false_support, false_refutation, inconclusive",
    [
        ("supported", ["supported", "refuted", "depends", "inconclusive"], 0.0, 0.5, 0.25),
        ("refuted", ["supported", "refuted", "depends", "inconclusive"], 0.5, 0.0, 0.25),
        ("depends", ["supported", "refuted", "depends", "inconclusive"], 0.25, 0.25, 0.25),
        ("inconclusive", ["supported", "refuted", "depends", "inconclusive"], 0.25, 0.5, 0.0),
    ],
)
def test_what_counts_as_false(holds, found, false_support, false_refutation, inconclusive) -> None:  # type: ignore[no-untyped-def]
    record = rates("truth", holds, found)
    assert (record["false_support"], record["false_refutation"]) == (false_support, false_refutation)
    assert record["inconclusive"] == inconclusive and record["repetitions"] == 4


def test_few_seeds_are_compared_with_what_one_percent_explains_and_many_have_to_show_it() -> None:
    assert allowed(1000) == 0.004 and allowed(300) == 0.0
    assert allowed(6) == 2 / 6 and allowed(2) == 0.5


@pytest.fixture(scope="module")
def judged() -> dict[str, LedgerRow]:
    return {row.row: row for row in rows_of({key: made_up(key, 6) for key in SYSTEMS})}


def rows_of(measured: Measured) -> list[LedgerRow]:
    return ledger_rows(CLAIM.id, CLAIM.statement, list(CLAIM.questions(measured)), CLAIM.recorded)


def test_an_honest_pipeline_passes_and_planted_faults_are_caught(judged: dict[str, LedgerRow]) -> None:
    assert set(judged) == {f"A0.5/{tried.key}" for tried in TRIED}
    assert {key: row.verdict for key, row in judged.items() if row.verdict != row.expected_label} == {}
    assert {row.kind for row in judged.values()} == {"control", "oracle"}


def test_a_pipeline_that_is_never_sure_is_seen_in_what_it_says(judged: dict[str, LedgerRow]) -> None:
    assert "it says supported 1.000; true: supported" in judged["A0.5/truth/flat: bounded"].holds_when


def test_a_rule_that_joins_readings_wrongly_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows that judge the pipeline fail when the pipeline is at fault, not only its built-in controls."""
    monkeypatch.setattr(a0_5, "TRIED", tuple(replace(tried, rule=a0_5.most_readings) for tried in TRIED))
    rows = {row.row: row for row in rows_of({"cube": made_up("cube", 6, seed=1)})}
    assert rows["A0.5/truth/N^3: four mixtures differ"].verdict == "refuted"


def test_a_measurement_that_forgets_to_average_over_agents_is_caught() -> None:
    row = SYSTEMS["flat"].row("smoke")
    cells = batch(row, 6 * FLEETS, SPREAD, np.random.default_rng(0))
    grown = [replace(cell, values={name: value * cell.cell.n if name == "measured/covariance" else value
                                   for name, value in cell.values.items()}) for cell in cells]  # fmt: skip
    rows = {row.row: row for row in rows_of({"flat": make_series(row, grown)})}
    assert rows["A0.5/truth/flat: bounded"].verdict == "refuted"


def test_the_table_is_that_of_the_other_calibrations(judged: dict[str, LedgerRow]) -> None:
    records = CLAIM.tables({"cube": made_up("cube", 6)})["calibration"]
    assert [record["procedure"] for record in records] == ["whole pipeline", "control: most readings decide"]
    assert all(0.0 <= record["false_support"] <= 1.0 and record["repetitions"] == 6 for record in records)


def test_labels_are_made_once_for_questions_and_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = {"flat": made_up("flat", 1)}
    CLAIM.questions(measured)
    monkeypatch.setattr(a0_5, "experiments", lambda series: pytest.fail("judged again"))
    assert CLAIM.tables(measured)["calibration"]
