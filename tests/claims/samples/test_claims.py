"""C3 and A4 on made-up cells with known answers, and their cells on the smallest sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.samples.a4_constants import CLAIM as CONSTANTS
from dgpg_verify.claims.samples.c3_1_shared_return import CLAIM as SHARED
from dgpg_verify.claims.samples.c3_2_guided import CLAIM as GUIDED
from dgpg_verify.claims.samples.c3_3_practical_reference import CLAIM as PRACTICAL
from dgpg_verify.claims.samples.design import (
    ALIGNED,
    CLOUD,
    CLOUD_METHODS,
    RULES,
    SCALED_RULES,
    SCALES,
    samples_design,
    samples_row,
)
from dgpg_verify.claims.samples.measure import cells
from dgpg_verify.claims.samples.measure.cells import MEASURES, measure_samples
from dgpg_verify.claims.samples.measure.controls import NOISE, NOISE_AT, NoisyTeam
from dgpg_verify.claims.samples.measure.laws import (
    LAWS,
    NEVER,
    TEMPERATURE,
    bounded_fleets,
    kept_of,
    make_problem,
)
from dgpg_verify.claims.samples.tables import samples_tables
from dgpg_verify.core import Cell, Evidence, InputError, LedgerRow, to_json
from dgpg_verify.reporting.summary import claim_summary
from dgpg_verify.samples import FACTORS, TheoryStep, cell_generator, learn, make_method
from dgpg_verify.samples.game.problem import GameProblem
from dgpg_verify.statistics import PRIMARY_ROWS
from dgpg_verify.statistics.sample_fits import MINIMUM_N
from dgpg_verify.statistics.sample_parts import FEWEST_EPS, LEAST_SPAN
from dgpg_verify.statistics.scaling import MINIMUM_VALUES, top_decade
from tests.claims.judging import judge, measured_of

CLAIMS = (SHARED, GUIDED, PRACTICAL, CONSTANTS)
PARTS = (*MEASURES, "limit")
N = (32, 64, 128, 256)
FLEETS = 16


def evidence_of(cell: Cell) -> Evidence:
    return Evidence(cell, measure_samples(cell), 0.0)


def run_cell(method: str, law: str, n: int, p: float, q: float, floor: float = 0.0, ends: bool = True) -> Evidence:
    """Arrivals that follow N^p eps^-q exactly but for 5 % between fleets. ends: without a budget."""
    options = {"law": law, "method": method, "step": "theory", "fleets": FLEETS, "factors": list(FACTORS)}
    options |= {} if ends else {"budget": 10_000}
    cell = samples_row("run", (law, method, "theory"), [n], options).cells(0)[0]
    spread = np.exp(0.05 * np.random.default_rng(n).standard_normal((FLEETS, 1)))
    seen = 40.0 * n**p * np.array(FACTORS) ** q * spread
    values = {"low": seen / 1.02, "high": seen * 1.02, "start": np.ones(FLEETS), "floor": np.full(FLEETS, floor),
              "settled": np.ones(FLEETS, dtype=bool), "samples": np.arange(3), "share": np.ones((3, 3)),
              "alpha": np.zeros(3), "roll_outs": 1, "tries": [], "scale": None}  # fmt: skip
    return Evidence(cell, values, 0.0)


def series_of(
    method: str, p: float, q: float, law: str = "team/aligned", floor: float = 0.0, ends: bool | None = None
) -> list[Evidence]:
    """Runs at every N; those that are not on aligned teams have a budget unless said."""
    return [run_cell(method, law, n, p, q, floor, law == ALIGNED if ends is None else ends) for n in N]


def judged(claim: Any, items: list[Evidence]) -> dict[str, LedgerRow]:
    found = judge(claim, items, rows_of(items))
    rows = {row.row: row for row in found}
    assert len(rows) == len(found)  # no row hides another
    return rows


def rows_of(items: list[Evidence]) -> dict[str, Row]:
    """The rows of the design that some cells belong to."""
    sizes: dict[str, list[int]] = {}
    for item in items:
        sizes.setdefault(item.cell.row, []).append(item.cell.n)
    kinds = {item.cell.row: (item.cell.row.partition("/"), item.cell.options) for item in items}
    return {key: samples_row(kind, (of,), sizes[key], options) for key, ((kind, _, of), options) in kinds.items()}


@pytest.mark.parametrize("p, label", [(1.0, "supported"), (0.5, "refuted"), (0.0, "refuted"), (1.5, "refuted")])
def test_shared_return_in_n(p: float, label: str) -> None:
    row = judged(SHARED, series_of("return", p, 1.0))["C3.1/team/aligned/return/theory/p"]
    assert row.primary and row.verdict == label
    assert row.estimate == pytest.approx(p, abs=0.05)


@pytest.mark.parametrize("q, label", [(1.0, "supported"), (0.5, "refuted"), (2.0, "refuted")])
def test_shared_return_in_eps(q: float, label: str) -> None:
    row = judged(SHARED, series_of("return", 1.0, q))["C3.1/team/aligned/return/theory/q"]
    assert row.primary and row.verdict == label


@pytest.mark.parametrize("p, label", [(0.0, "supported"), (-0.5, "supported"), (0.5, "refuted"), (1.0, "refuted")])
def test_guided_in_n(p: float, label: str) -> None:
    """At most N^0 is claimed, so a method that needs fewer samples with more agents satisfies it. What grows over the N
    at hand in a setting whose limit is proved bounded is left undecided."""
    for rule in (*RULES, *SCALED_RULES):
        row = judged(GUIDED, series_of(rule, p, 1.0))[f"C3.2/team/aligned/{rule}/theory/p"]
        proved = rule in SCALED_RULES and label == "refuted"
        assert row.primary and row.inside and row.verdict == ("inconclusive" if proved else label)
        assert ("is proved" in row.because) == proved
        assert "eps from gap0/10 to gap0/300" in row.holds_when


def test_total_gap_adds_p_and_q() -> None:
    row = judged(SHARED, series_of("return", 1.0, 1.0))["C3.1/team/aligned/return/theory/p_total"]
    assert row.verdict == "supported" and row.estimate == pytest.approx(2.0, abs=0.1)


def test_a_floor_leaves_no_exponent() -> None:
    """eps below 3 x floor do not enter; with all of them below, nothing is decided and the row says so."""
    rows = judged(GUIDED, series_of("guided:0.2", 0.0, 1.0, floor=0.2))
    row = rows["C3.2/team/aligned/guided:0.2/theory/p"]
    assert row.verdict == "inconclusive" and row.estimate is None and "floor" in row.because


@pytest.mark.parametrize("floor, label", [(0.0, "inconclusive"), (0.003, "inconclusive"), (0.02, "refuted")])
@pytest.mark.parametrize("law, primary", [("game/fluid", True), ("team/biased", False)])
def test_arrival_at_the_smallest_eps(law: str, primary: bool, floor: float, label: str) -> None:
    """64 fleets without a floor cannot show 99 %; with a floor above gap0/300 they refute it. The fluid reference
    leads, where runs with a budget have the same fleets again and are not counted."""
    for rule in ("guided:sqrt", "parts:0.2"):
        runs = series_of(rule, 0.0, 1.0, law, floor)
        ends = [named(item, "floor", rule, {}) for item in runs] if primary else []
        row = judged(PRACTICAL, [*runs, *ends])[f"C3.3/{law}/{rule}/arrives"]
        assert (row.verdict, row.primary, row.inside, row.replicates) == (label, primary, True, len(N) * FLEETS)
        at_rest = "at the optimum" if floor == 0.0 else f"at {floor:g} of the gap at the start"
        assert at_rest in row.holds_when and ("below gap0" in row.holds_when) == (floor > 0.0)


@pytest.mark.parametrize("power, label", [(0.0, "supported"), (0.5, "refuted"), (-0.5, "supported")])
def test_a_floor_that_grows_with_n_is_seen(power: float, label: str) -> None:
    """Floors like N^power, 5 % between fleets; the row stands beside the claim."""
    ends = []
    for n in N:
        made = named(run_cell("parts:0.2", "game/fluid", n, 0.0, 1.0), "floor", "parts:0.2", {})
        spread = np.exp(0.05 * np.random.default_rng(n).standard_normal(FLEETS))
        ends.append(replace(made, values=made.values | {"floor": 0.01 * (n / N[0]) ** power * spread}))
    row = judged(PRACTICAL, ends)["C3.3/game/fluid/parts:0.2/floor"]
    assert row.verdict == label and not row.primary and row.reading == "parts"
    assert row.estimate == pytest.approx(power, abs=0.05) and f"median 0.01 at N = {N[0]}" in row.holds_when


def test_no_primary_credit_but_the_mixtures() -> None:
    """Unbiased credits must arrive, and decide nothing."""
    for method in ("return", "difference", "guided:zero"):
        ends = [named(item, "floor", method, {}) for item in series_of(method, 0.0, 1.0, "game/fluid")]
        row = judged(PRACTICAL, ends)[f"C3.3/game/fluid/{method}/arrives"]
        assert row.estimate == 1.0 and not row.primary


READINGS = {"guided:0.2": "sum", "guided:optimal": "", "guided:zero": "", "guidance": "", "difference": "",
            "mixed:0.2": "mixed", "parts:published": "parts", "both:0.2": "both", "dgpg": "sum",
            "dgpg/parts": "parts", "dgpg/both": "both", "difference_replay": "", "guidance_only": ""}  # fmt: skip


@pytest.mark.parametrize("method", READINGS)
def test_rows_take_the_reading_of_their_mixture(method: str) -> None:
    """Sums stay a sensitivity reading; mixed, parts and both may decide."""
    asked = ((GUIDED, f"C3.2/{ALIGNED}", "theory/p"), (PRACTICAL, "C3.3/team/biased", "arrives"))
    for claim, place, ends in asked:
        rows = judged(claim, series_of(method, 0.0, 1.0, place.partition("/")[2]))
        if f"{place}/{method}/{ends}" not in rows:  # no floor is asked of a trained method
            continue
        row = rows[f"{place}/{method}/{ends}"]
        setting = READINGS[method] or "sum"
        assert (row.reading, row.setting, row.leading) == (READINGS[method], setting, READINGS[method] != "sum")
        assert f"setting {setting}," in row.holds_when and "alpha = published" not in row.holds_when


def test_the_headline_is_that_of_the_leading_settings() -> None:
    """Sums grow as N and decide nothing; the claim stands where alpha*, mixed, parts and both do not grow, else it
    depends. Growth with N in a setting whose limit is proved bounded leaves it undecided."""
    sums = [item for rule in RULES for item in series_of(rule, float(rule != "guided:optimal"), 1.0)]
    for p, q, label in ((0.0, 1.0, "supported"), (0.0, 2.0, "depends"), (1.0, 1.0, "inconclusive")):
        items = [
            item for rule in SCALED_RULES for item in series_of(rule, *((p, q) if "parts" in rule else (0.0, 1.0)))
        ]
        (summary,) = claim_summary(list(judged(GUIDED, [*sums, *items]).values()))
        assert summary.label == label
        assert {reading.reading for reading in summary.leading} == {"mixed", "parts", "both"}


@pytest.mark.parametrize("scale", list(SCALES))
def test_settings_are_measured_as_sums_are(scale: str) -> None:
    """The same N, eps and fleets; floors on biased teams and in games too."""
    design = {row.key: row for row in samples_design(scale, ("run", "limit", "floor"))}
    places = (f"run/{ALIGNED}/{{}}/theory", "run/team/biased/{}/theory", "floor/game/fluid/{}", "floor/game/biased/{}")
    for place in places:
        on_sums = design[place.format("guided:0.2")]
        for method in SCALED_RULES:
            row = design[place.format(method)]
            assert row.n_values == on_sums.n_values
            assert row.options == on_sums.options | {"method": method}


def test_a_floor_of_a_moving_alpha_is_where_its_direction_vanishes() -> None:
    """The noise-free run ends at the stationary point of J_alpha at the alpha that it has there."""
    problem, method = make_problem("team/biased", 8, 6, 0), make_method("parts:0.2")
    found = cells.floor_of(problem, method)
    state = problem.start()
    for _ in range(3_000):
        alpha = method.alpha_at(problem, state, 0.0)
        state = state + 0.2 * problem.mean_direction(state, "guided", alpha)
    assert found["settled"].all() and (found["floor"] > 0.0).all()
    np.testing.assert_allclose(found["floor"], problem.stationary_gap("guided", alpha), rtol=0.01)


@pytest.mark.parametrize("method", CLOUD_METHODS)
def test_cloud_cells_train_in_their_setting(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def curve(systems: Any, name: str, episodes: int, seeds: Any, **changes: Any) -> Any:
        given.append((name, changes))
        raise InputError("enough")

    given: list[Any] = []
    monkeypatch.setattr(cells, "scored_fleets", lambda *a, **k: ([], [], 0))
    monkeypatch.setattr(cells, "estimated_curve", curve)
    row = next(row for row in samples_design("full", ("cloud",)) if row.options["method"] == method)
    with pytest.raises(InputError, match="enough"):
        measure_samples(row.cells(0)[0])
    setting = method.partition("/")[2]
    assert given == [(method.partition("/")[0], {"setting": setting} if setting else {})]


def test_primary_rows_fit_the_level() -> None:
    """No more leading rows than the level is meant for."""
    items = [e for rule in (*RULES, *SCALED_RULES) for law in LAWS for e in series_of(rule, 0.0, 1.0, law)]
    items += series_of("return", 1.0, 1.0) + series_of("return", 1.0, 1.0, "game/fluid")
    count = sum(row.primary for claim in (SHARED, GUIDED) for row in judged(claim, items).values())
    assert 10 <= count <= PRIMARY_ROWS


@pytest.mark.parametrize("scale", list(SCALES))
def test_design_has_no_cell_twice(scale: str) -> None:
    keys = [row.key for row in samples_design(scale, PARTS)]
    assert len(set(keys)) == len(keys)
    laws = {row.options["law"] for row in samples_design(scale, PARTS) if "law" in row.options}
    assert laws == set(LAWS) | ({CLOUD} if SCALES[scale]["cloud_n"] else set())


def test_every_row_of_full_scale_can_be_decided() -> None:
    """Enough N and eps for the fit to speak, whatever it will say; the row `wide` has one eps and p alone."""
    for row in samples_design("full", ("run", "cloud")):
        key, factors = row.key, row.options["factors"]
        assert top_decade(np.array(list(row.n_values)), MINIMUM_N).sum() >= MINIMUM_VALUES, key
        enough = len(factors) >= FEWEST_EPS and factors[-1] / factors[0] >= LEAST_SPAN
        assert enough or key.endswith("/wide"), key


@pytest.mark.parametrize("claim, method, p, label", [
    (SHARED, "mappo", 1.0, "supported"), (SHARED, "mappo", 0.0, "refuted"),
    (GUIDED, "guidance_only", 0.0, "supported"), (GUIDED, "dgpg", 1.0, "refuted"),
    (GUIDED, "difference_replay", 0.0, "supported"), (GUIDED, "dgpg/parts", 0.0, "supported"),
])  # fmt: skip
def test_cloud_rows_say_what_their_gap_is(claim: Any, method: str, p: float, label: str) -> None:
    items = [named(item, "cloud", method) for item in series_of("return", p, 1.0, "cloud")]
    rows = judged(claim, items)
    row = rows[f"{claim.id}/cloud/{method}/adam/p"]
    assert row.verdict == label and not row.primary and "estimated on held-out workloads" in row.system
    other = GUIDED if claim is SHARED else SHARED
    assert not judged(other, items)


def test_larger_n_at_one_eps_has_a_row_of_its_own() -> None:
    """The usual row leads; the wide one stands beside it and does not enter its fit."""
    usual = series_of("return", 1.0, 1.0, "game/fluid", ends=True)
    wide = [named(item, "run", "return", {"grid": "wide", "step": "theory"}) for item in
            series_of("return", 0.5, 1.0, "game/fluid", ends=True)]  # fmt: skip
    rows = judged(SHARED, [*usual, *wide])
    assert rows["C3.1/game/fluid/return/theory/p"].primary
    assert rows["C3.1/game/fluid/return/theory/p"].verdict == "supported"
    beside = rows["C3.1/game/fluid/return/theory/wide/p"]
    assert not beside.primary and beside.verdict == "refuted"
    rules = {record["step_rule"] for record in samples_tables(measured_of([*usual, *wide]))["complexity_exponents"]}
    assert rules == {"theory", "theory wide"}


@pytest.mark.parametrize("p_late, label", [(1.0, "refuted"), (0.0, "supported")])
def test_the_published_schedule_is_judged_again_after_its_end(p_late: float, label: str) -> None:
    """Fast before 2 000 samples whatever N, and like N^p after: both regimes at once tell no power, the second does."""
    early = np.array(FACTORS) < 50.0

    def seen(item: Evidence, late: float) -> Evidence:
        low = np.where(early, 20.0 * np.array(FACTORS), late * np.asarray(item.values["low"]))
        return replace(item, values={**item.values, "low": low, "high": low * 1.02})

    rows = judged(GUIDED, [seen(item, 10.0) for item in series_of("guided:published", p_late, 1.0)])
    row = rows["C3.2/team/aligned/guided:published/theory/later/p"]
    assert row.verdict == label and not row.primary and "eps from gap0/55 to gap0/300" in row.holds_when
    never = [seen(item, 0.01) for item in series_of("guided:published", 0.0, 1.0)]  # all before
    fixed = [seen(item, 10.0) for item in series_of("guided:0.2", 1.0, 1.0)]  # nothing changes on the way
    assert not any("later" in key for key in judged(GUIDED, [*never, *fixed]))


def named(item: Evidence, part: str, method: str, more: Mapping[str, Any] | None = None) -> Evidence:
    """The same arrivals under another part, method and options."""
    options = {**item.cell.options, "method": method, **(more or {"step": "adam"})}
    row = "/".join([part, str(options["law"]), method, *map(str, (more or {}).values())])
    return replace(item, cell=replace(item.cell, row=row, options=options))


def test_methods_share_their_fleets() -> None:
    """Equal law and N: the same fleets for every method, other noise."""
    rows = [row for row in samples_design("smoke", ("run",)) if 8 in row.n_values and "aligned" in row.key]
    cells = [cell for row in rows for cell in row.cells_at(8, 3)]
    assert len(cells) > 5 and len({cell.seed for cell in cells}) == 1


def test_mixed_setting_is_a_heavier_alpha() -> None:
    """J as a mean and G as a sum: (1 - a) J / N - a G climbs in the same direction as sums at a N / (a N + 1 - a)."""
    problem = make_problem("team/biased", 6, 2, 0)
    method = make_method("mixed:0.2")
    alpha = method.alpha_at(problem, problem.start(), 0.0)
    state, zero, one = problem.start(), np.zeros(2), np.ones(2)
    of_j, of_g = (problem.mean_direction(state, "guided", a) for a in (zero, one))
    mixed = 0.8 * of_j / 6 + 0.2 * of_g
    found = problem.mean_direction(state, "guided", alpha)
    np.testing.assert_allclose(found / np.linalg.norm(found), mixed / np.linalg.norm(mixed), rtol=1e-12)


def test_one_temperature_serves_every_fleet() -> None:
    for n in (4, 40):
        games = bounded_fleets(n, 6, 1, "fluid")
        assert GameProblem(games, temperature=TEMPERATURE).tau.tolist() == [TEMPERATURE] * 6
        assert all((game.target == game.reference_state).all() for game in games)


def test_unknown_law_is_refused() -> None:
    with pytest.raises(InputError, match="law = 'team'"):
        make_problem("team", 4, 2, 0)


def test_injected_noise_has_the_stated_variance() -> None:
    """NOISE times N where it grows, times NOISE_AT where it does not; 2 x 10^4 draws: 1 %, 6 sigma."""
    for growing in (True, False):
        problem = NoisyTeam(make_problem("team/aligned", 64, 8, 0).teams)  # type: ignore[union-attr]
        problem.growing = growing
        state, alpha = problem.start(), np.zeros(8)
        exact, rng = problem.mean_direction(state, "return", alpha), np.random.default_rng(0)
        draws = np.stack([problem.step_direction(state, "return", alpha, 1, rng) - exact for _ in range(40)])
        assert draws.var() == pytest.approx(NOISE * (64 if growing else NOISE_AT), rel=0.06)


def test_biased_control_comes_to_rest_at_a_quarter() -> None:
    problem = NoisyTeam(make_problem("team/aligned", 6, 4, 0).teams)  # type: ignore[union-attr]
    problem.tilt = 0.5
    state = problem.start()
    for _ in range(400):
        state = state + 0.3 * problem.mean_direction(state, "return", np.zeros(4))
    np.testing.assert_allclose(problem.gap(state) / problem.gap(problem.start()), 0.25, rtol=1e-6)


def test_what_is_kept_of_a_curve() -> None:
    problem = make_problem("team/aligned", 4, 5, 0)
    curve = learn(problem, make_method("difference"), TheoryStep(), 400, cell_generator(0))
    kept = kept_of(curve, [10.0, 30.0])
    assert kept["share"].shape == (3, len(curve.samples)) and kept["low"].shape == (5, 2)
    assert (kept["share"][1] <= kept["share"][0]).all() and (kept["share"][0] <= kept["share"][2]).all()


SMALL = ("run/team/aligned/return/theory", "run/team/aligned/guided:optimal/theory", "floor/game/fluid/guided:0.2",
         "constants/team/aligned", "constants/game/fluid", "expected/guided")  # fmt: skip


def test_small_cells_end_to_end() -> None:
    """The smallest cell of each kind: judged, tabled, and the same when measured again."""
    design = {row.key: row for row in samples_design("smoke", PARTS)}
    made = [evidence_of(design[key].cells(0)[0]) for key in SMALL]
    again = evidence_of(design[SMALL[0]].cells(0)[0])
    np.testing.assert_array_equal(again.values["high"], made[0].values["high"])
    for claim in CLAIMS:
        for row in judge(claim, made):
            assert row.holds_when and "?" not in row.holds_when and row.because and json.dumps(to_json(row))
    tables = samples_tables(measured_of(made))
    assert {"complexity_curves", "complexity_arrivals", "complexity_floors", "complexity_constants"} <= set(tables)
    for record in (to_json(record) for records in tables.values() for record in records):
        assert json.dumps(record, allow_nan=False)
        flat = [v for value in record.values() for v in (value if isinstance(value, list) else [value])]
        assert not any(isinstance(value, list | dict | tuple) for value in flat)  # the page reads flat records only


def test_fleets_that_never_arrive_are_kept_as_such() -> None:
    """A budget that is too short: no number for a missing arrival, and the share is told."""
    options = {"law": "team/biased", "method": "guidance", "step": "theory", "fleets": 4, "factors": [10.0, 300.0]}
    cell = samples_row("run", ("team/biased", "guidance", "theory"), [6], options | {"budget": 40}).cells(0)[0]
    made = evidence_of(cell)
    assert (np.asarray(made.values["high"])[:, 1] == NEVER).all() and np.isfinite(made.values["share"]).all()
    record = to_json(samples_tables(measured_of([made]))["complexity_arrivals"][1])
    assert record["censored"] == 1.0 and record["each"] == [None] * 4 and record["median"] is None
    assert judged(PRACTICAL, [made])["C3.3/team/biased/guidance/arrives"].verdict in ("refuted", "inconclusive")


def test_tries_of_the_tuned_step_are_kept() -> None:
    options = {"law": "team/aligned", "method": "difference", "step": "tuned", "fleets": 4, "factors": [10.0],
               "pilots": 2}  # fmt: skip
    made = evidence_of(samples_row("run", ("team/aligned", "difference", "tuned"), [4], options).cells(0)[0])
    record = samples_tables(measured_of([made]))["complexity_tuning"][0]
    assert record["scale"] in record["tried"] and len(record["median_samples"]) == len(record["tried"]) == 5


def test_constants_that_grow_are_refuted() -> None:
    """The audit must fail where smoothness or 1/mu grow with N."""
    rows = {}
    for power in (0.0, 0.5):
        made = []
        for n in N:
            cell = samples_row("constants", ("team/aligned",), [n], {"law": "team/aligned", "fleets": FLEETS}).cells(0)[
                0
            ]
            spread = np.exp(0.02 * np.random.default_rng(n).standard_normal(FLEETS))
            grows = n**power * spread
            made.append(Evidence(cell, {"smoothness": grows, "mu": 1 / grows, "noise_trace": n * spread,
                                        "k0": n * spread}, 0.0))  # fmt: skip
        rows[power] = judged(CONSTANTS, made)
    for what in ("smoothness", "1/mu"):
        assert rows[0.0][f"A4/team/aligned/{what}"].verdict == "supported"
        assert rows[0.5][f"A4/team/aligned/{what}"].verdict == "refuted"
