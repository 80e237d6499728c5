"""C4.1 - C4.4 on made-up curves with known answers: each label must come out, and only there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.training import c4_1_episodes, c4_2_baselines_fail, c4_3_best_fit
from dgpg_verify.claims.training.c4_4_any_alpha import CLAIM as ANY_ALPHA
from dgpg_verify.claims.training.design import ALPHAS, AS_BEST_FIT, NO_LEARNING, training_design
from dgpg_verify.core import Evidence, LedgerRow
from tests.claims.judging import judge
from tests.claims.training.evidence import episodes_of, rising, training_evidence

(EPISODES, AVERAGE, AVERAGE_LONG), (FAIL, COLLAPSE) = c4_1_episodes.CLAIM, c4_2_baselines_fail.CLAIM
BEST_FIT, BELOW, BEST_FIT_LONG = c4_3_best_fit.CLAIM
CLAIMS = (EPISODES, AVERAGE, FAIL, COLLAPSE, BEST_FIT, BELOW, ANY_ALPHA)
DESIGN = {row.key: row for row in training_design("full")}


def flat(row: Row, level: float, seed: int, noise: float = 0.002) -> Any:
    at = episodes_of(row)
    return level + noise * np.random.default_rng(seed).standard_normal(len(at))


def runs(key: str, n: int, levels: list[float]) -> list[Evidence]:
    """Flat curves at the given levels, one a seed."""
    row = DESIGN[key]
    return training_evidence(row, n, [flat(row, level, k) for k, level in enumerate(levels)])


def climbs(key: str, n: int, settled: list[float]) -> list[Evidence]:
    """Curves that climb to Best-Fit and settle at the given episodes."""
    row = DESIGN[key]
    return training_evidence(row, n, [rising(row, at, seed=k) for k, at in enumerate(settled)])


def judged(claim: Any, items: list[Evidence]) -> dict[str, LedgerRow]:
    rows = {row.row: row for row in judge(claim, items, DESIGN)}
    assert not [key for key, row in rows.items() if not row.holds_when or "?" in row.holds_when]
    return rows


def test_quick_runs_support_ten_episodes_and_late_ones_refute_them() -> None:
    quick, late = climbs("dgpg/parts", 10, [4.0] * 12), climbs("dgpg/sum", 10, [20.0] * 12)
    rows = judged(EPISODES, quick + late)
    assert rows["C4.1a/dgpg/parts/N=10/percentile"].verdict == "supported"
    assert "assumes log-normal" in rows["C4.1a/dgpg/parts/N=10/percentile"].because
    assert rows["C4.1a/dgpg/sum/N=10/percentile"].verdict == "refuted"
    assert rows["C4.1a/dgpg/sum/N=10/percentile"].primary


def test_each_claim_reads_the_sizes_it_speaks_of() -> None:
    """Ten episodes to N = 200, twenty on average to 1 500; at Best-Fit but for N = 200, slightly below there."""
    items = [item for n in (100, 200, 1500) for item in climbs("dgpg/parts", n, [4.0] * 3)]
    sizes = {claim.id: {n for row in judge(claim, items, DESIGN) for n in row.n_values} for claim in CLAIMS}
    assert sizes["C4.1a"] == {100, 200} and sizes["C4.1b"] == {100, 200, 1500}
    assert sizes["C4.3a"] == {100, 1500} and sizes["C4.3b"] == {200}
    primary = {n for row in judge(BEST_FIT, items, DESIGN) if row.primary for n in row.n_values}
    assert primary == {100}


def test_rows_name_the_reading_of_their_mixture() -> None:
    found = {}
    for key in ("dgpg/sum", "dgpg/mixed", "dgpg/mixed/raw", "dgpg/parts", "dgpg/both", "mappo"):
        (row,) = judged(AVERAGE, climbs(key, 10, [4.0] * 3)).values()
        found[key] = (row.reading, row.leading)
    assert found == {
        "dgpg/sum": ("sum", False), "dgpg/mixed": ("joint", True), "dgpg/mixed/raw": ("mixed", True),
        "dgpg/parts": ("parts", True), "dgpg/both": ("both", True), "mappo": ("", True),
    }  # fmt: skip


def test_one_run_that_never_settles_cannot_be_called_quick() -> None:
    row = DESIGN["dgpg/parts"]
    curves = [rising(row, 4.0, seed=k) for k in range(11)] + [flat(row, 0.0, 99)]
    found = judged(EPISODES, training_evidence(row, 10, curves))["C4.1a/dgpg/parts/N=10/percentile"]
    assert found.verdict != "supported" and "1 of 12 runs never settle" in found.because


@pytest.mark.parametrize("level, label", [(0.95, "supported"), (0.8, "refuted"), (0.9, "inconclusive")])
def test_the_return_is_weighed_against_the_guidance_alone(level: float, label: str) -> None:
    """Fleet by fleet: what fleets have in common does not widen the interval. It decides nothing."""
    fleets = np.linspace(-0.2, 0.2, 6)
    alone, own = (
        [flat(DESIGN[key], at, k) for k, at in enumerate(around + fleets)]
        for key, around in (("guidance_only", 0.9), ("dgpg/parts", level))
    )
    own[0] = own[0] + (level == 0.9) * 0.02  # a difference of one fleet alone
    items = training_evidence(DESIGN["guidance_only"], 10, alone) + training_evidence(DESIGN["dgpg/parts"], 10, own)
    row = judged(BEST_FIT, items)["C4.3a/dgpg/parts/N=10/against guidance alone"]
    assert row.verdict == label and not row.primary and row.replicates == 6
    assert abs(row.high - row.low) < 5.0  # the fleets themselves stand 20 % apart


def test_failing_and_succeeding_baselines_are_told_apart() -> None:
    rows = judged(FAIL, runs("mappo", 10, [0.1] * 6) + runs("ippo", 10, [0.9] * 6))
    assert rows["C4.2a/mappo/N=10/fails/longer"].verdict == "supported"
    assert rows["C4.2a/ippo/N=10/fails/longer"].verdict == "refuted"
    assert not [key for key in rows if "/equal" in key]  # nothing to compare with: no DG-PG in this evidence


def test_equal_episodes_are_those_of_dgpg() -> None:
    row = DESIGN["mappo"]
    at = episodes_of(row)
    late = [np.where(at <= 30, 0.0, 0.9) for _ in range(6)]  # learns only in the extra episodes
    items = training_evidence(row, 10, late) + runs("dgpg/sum", 10, [0.5] * 6)
    rows = judged(FAIL, items)
    assert rows["C4.2a/mappo/N=10/fails/equal"].verdict == "supported"
    assert rows["C4.2a/mappo/N=10/fails/longer"].verdict == "refuted"


def test_runs_as_long_as_the_papers_are_claims_of_their_own() -> None:
    """DG-PG leads in them with six seeds, and no more in the claims on short runs; without them nothing is asked."""
    key, short = "dgpg/both/200 episodes", runs("dgpg/both", 10, [0.9] * 6)
    items = [item for n, seeds in ((10, 10), (50, 3)) for item in runs(key, n, [1.0] * seeds)]
    rows = judged(BEST_FIT_LONG, items + short)
    found = {row: rows[row].primary for row in rows if rows[row].kind == "claim"}
    assert found == {f"C4.3c/{key}/N=10/score": True, f"C4.3c/{key}/N=50/score": False}
    assert rows[f"C4.3c/{key}/N=10/score"].verdict == "supported"
    assert set(judged(BEST_FIT, items + short)) == {"C4.3a/dgpg/both/N=10/score"}
    settled = judged(AVERAGE_LONG, items + short)
    assert {row: settled[row].primary for row in settled} == {
        f"C4.1c/{key}/N=10/mean": True,
        f"C4.1c/{key}/N=50/mean": False,
    }
    assert not judged(BEST_FIT_LONG, short) and not judged(AVERAGE_LONG, short)


def test_a_baseline_is_tuned_before_it_is_said_to_fail() -> None:
    keys = DESIGN["mappo"].notes["candidates"]
    found = {key: [0.1] * 6 for key in keys} | {keys[2]: [0.8] * 6}
    items = [item for key, levels in found.items() for item in runs(key, 10, levels)]
    rows = judged(FAIL, items)
    assert rows["C4.2a/mappo/N=10/fails/tuned"].verdict == "refuted"
    assert rows["C4.2a/mappo/N=10/fails/longer"].verdict == "supported"


def test_every_method_is_held_against_best_fit_at_its_own_settings_too() -> None:
    keys = DESIGN["happo"].notes["candidates"]
    found = {key: [0.4] * 6 for key in keys} | {keys[4]: [1.02] * 6}
    rows = judged(BEST_FIT, [item for key, levels in found.items() for item in runs(key, 10, levels)])
    assert rows["C4.3a/happo/N=10/score"].verdict == "refuted"
    tuned = rows["C4.3a/happo/tuned/N=10/score"]
    assert (tuned.verdict, tuned.setting, tuned.primary) == ("supported", "tuned", False)
    assert "HAPPO, tuned, N = 10" in tuned.holds_when and "at its own settings" in tuned.holds_when
    assert len(tuned.files) == len(keys) and set(rows) == {"C4.3a/happo/N=10/score", "C4.3a/happo/tuned/N=10/score"}


def test_collapse_needs_a_fall_and_a_low_end() -> None:
    falls = judged(COLLAPSE, runs("ippo", 5, [0.9] * 6) + runs("ippo", 10, [0.05] * 6))["C4.2b/ippo/collapses"]
    never = judged(COLLAPSE, runs("ippo", 5, [0.1] * 6) + runs("ippo", 10, [0.05] * 6))["C4.2b/ippo/collapses"]
    assert (falls.verdict, never.verdict) == ("supported", "refuted")


def test_at_best_fit_below_it_and_slightly_below_at_200() -> None:
    rows = judged(BEST_FIT, runs("dgpg/parts", 50, [1.0] * 6) + runs("dgpg/sum", 50, [0.7] * 6))
    assert rows["C4.3a/dgpg/parts/N=50/score"].verdict == "supported"
    assert rows["C4.3a/dgpg/sum/N=50/score"].verdict == "refuted"
    rows = judged(BELOW, runs("dgpg/parts", 200, [0.95] * 6) + runs("dgpg/sum", 200, [1.1] * 6))
    assert rows["C4.3b/dgpg/parts/N=200/score"].verdict == "supported"
    assert rows["C4.3b/dgpg/sum/N=200/score"].verdict == "refuted"


def spread(levels: dict[str, float]) -> LedgerRow:
    items = [item for alpha in ALPHAS for item in runs(f"dgpg/parts/alpha {alpha}", 50, [levels[alpha]] * 5)]
    return judged(ANY_ALPHA, items)["C4.4/parts/N=50/spread"]


def test_equal_alphas_are_equivalent_and_one_that_is_worse_refutes() -> None:
    assert spread(dict.fromkeys(ALPHAS, 0.95)).verdict == "supported"
    assert spread(dict.fromkeys(ALPHAS, 0.95) | {"0.2": 0.5}).verdict == "refuted"


def test_a_fast_alpha_is_fast_and_a_slow_one_is_not() -> None:
    items = [
        item
        for alpha, settled in zip(ALPHAS, (4.0, 4.0, 20.0, 4.0))
        for item in climbs(f"dgpg/parts/alpha {alpha}", 50, [settled] * 12)
    ]
    rows = judged(ANY_ALPHA, items)
    assert rows["C4.4/parts/N=50/fast/alpha 0.4"].verdict == "supported"
    assert rows["C4.4/parts/N=50/fast/alpha 0.6"].verdict == "refuted"


def test_controls_get_the_label_they_are_built_for_and_others_do_not() -> None:
    """What never learns, and Best-Fit itself; swapped, every control must fail."""
    right = runs(NO_LEARNING, 5, [0.0] * 6) + runs(AS_BEST_FIT, 5, [1.0] * 6)
    wrong = runs(NO_LEARNING, 5, [1.0] * 6) + runs(AS_BEST_FIT, 5, [0.0] * 6)
    seen = 0
    for claim in CLAIMS:
        for row in judge(claim, right, DESIGN):
            seen += row.kind == "control"
            assert row.kind != "control" or row.verdict == row.expected_label, row.row
        for row in judge(claim, wrong, DESIGN):
            separates = "C4.1" not in row.row and "C4.4" not in row.row  # those cannot tell which is which
            assert row.kind != "control" or not separates or row.verdict != row.expected_label, row.row
    assert seen == 8


def test_controls_are_silent_where_no_seed_number_could_decide() -> None:
    assert not [row for row in judge(FAIL, runs(NO_LEARNING, 5, [0.0] * 2), DESIGN) if row.kind == "control"]


def test_a_primary_row_is_refuted_only_beyond_the_level_of_all_rows() -> None:
    """One row at the edge is refuted alone and undecided beside many others."""
    edge = [0.86, 0.93, 0.8, 0.94, 0.82, 0.95]
    alone = judged(BEST_FIT, runs("dgpg/sum", 10, edge))["C4.3a/dgpg/sum/N=10/score"]
    others = [item for n in (2, 5, 20, 50, 100) for item in runs("dgpg/sum", n, [1.0] * 6)]
    among = judged(BEST_FIT, runs("dgpg/sum", 10, edge) + others)["C4.3a/dgpg/sum/N=10/score"]
    elsewhere = [item for n in (5, 10, 20, 50, 100) for item in runs("dgpg/parts", n, [1.0] * 6)]
    beside = judged(BEST_FIT, runs("dgpg/sum", 10, edge) + elsewhere)["C4.3a/dgpg/sum/N=10/score"]
    assert alone.verdict == beside.verdict == "refuted"  # rows of another reading are another statement
    assert among.verdict == "inconclusive" and "rows together" in among.because


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_run_of_other_claims_alone_gives_no_rows(claim: Any) -> None:
    assert judge(claim, []) == []


@pytest.mark.parametrize(("settled", "verdict"), [(8.0, "supported"), (13.0, "refuted")])
def test_ten_equal_runs_decide_ten_episodes(settled: float, verdict: str) -> None:
    """A curve in a straight line is at 95 % of its way at 0.95 of `settled`; on a grid of single episodes ten runs just
    inside the claim support it and ten just outside refute it, which a grid of three could not tell."""
    rows = judged(EPISODES, climbs("dgpg/parts", 10, [settled] * 10))
    assert rows["C4.1a/dgpg/parts/N=10/percentile"].verdict == verdict
