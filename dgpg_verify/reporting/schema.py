"""The tables of records.json: which claims fill each one, and its columns.

A reader of a table finds every column listed here, whatever the file holds: one that the file lacks is missing in all
rows (empty text for the columns in TEXT, NaN for the others). A new column is one word here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Schema:
    """Claims that fill a table, by the start of their ids ("" = every run), and the names of its columns."""

    claims: tuple[str, ...]
    text: str

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.text.split())


TEXT = frozenset((
    "system", "policy", "sharing", "graph", "setting", "credit", "scope", "statistic", "audit", "quantity", "row",
    "method", "label", "part", "group", "against", "against_label", "cost", "reference", "points", "kind", "form",
    "words", "which", "step_rule", "what", "source", "rule", "point",
))  # fmt: skip
PLACE = "system policy sharing graph"
TRAINED = "row method label system sharing setting alpha part group episodes n"
GAME = "cost reference n_agents n_actions"
LEARNER = "system method step_rule n_agents"

SCHEMAS: Mapping[str, Schema] = {
    "moments": Schema(
        ("C1",),
        f"{PLACE} setting credit scope n fleet seed rollouts samples variance signal_squared noise_to_signal"
        " efficiency alignment paired_ratio exact_variance",
    ),
    "fits": Schema(
        ("C1",),
        f"{PLACE} setting credit scope statistic exponent low high level intercept n_used full_exponent affine_a"
        " affine_b expected verdict",
    ),
    "alpha": Schema(
        ("C1",), f"{PLACE} setting n alpha variance predicted variance_low variance_high return_share crossover_n"
    ),
    "optimal": Schema(
        ("C1",),
        f"{PLACE} setting n fleet alpha_star n_one_minus_alpha min_variance guidance_variance efficiency return_share",
    ),
    "cross_agent": Schema(("C1",), f"{PLACE} credit n fleet share share_low share_high"),
    "pointing": Schema(("C1",), f"{PLACE} credit n rollouts censored"),
    "assumptions": Schema(("A1", "A2", "A3"), "audit quantity system graph policy n fleet value"),
    "calibration": Schema(("A0",), "procedure truth repetitions false_support false_refutation inconclusive allowed"),
    "coverage": Schema(("A0",), "oracle quantity level configurations misses allowed_low allowed_high"),
    "curves": Schema(("C4",), f"{TRAINED} replicate episode samples score return_per_agent"),
    "runs": Schema(
        ("C4",),
        f"{TRAINED} replicate seed start level last best best_checkpoint_gap settled_at horizon_episodes steps"
        " gap_percent learning_seconds",
    ),
    "training_scores": Schema(
        ("C4",),
        f"{TRAINED} seeds iqm iqm_low iqm_high mean low high settle_p90 settle_p90_low settle_p90_high settle_mean"
        " settle_mean_low settle_mean_high never samples_to_settle gap_percent best_heuristic",
    ),
    "profiles": Schema(("C4",), "row method label system sharing setting part n threshold share low high band"),
    "improvements": Schema(("C4",), "row label against against_label n probability low high"),
    "training_noise": Schema(
        ("C4",),
        "row method label sharing setting n replicate point alpha credit variance noise_to_signal paired_ratio"
        " return_share",
    ),
    "tuning": Schema(("C4.2",), "method n setting seeds mean low high chosen default"),
    "guidance_cost": Schema(
        ("C5",), "n replicate base_seconds guided_seconds ratio base_bytes guided_bytes bytes_ratio model_seconds"
    ),
    "equilibrium_rates": Schema(
        ("C2.2",),
        f"{GAME} points alpha fleets undecided equal subset superset intersect disjoint rate low high bound kind",
    ),
    "equilibrium_values": Schema(
        ("C2.2",), f"{GAME} alpha which fleets mean_loss low high median_ratio q90_ratio moved nash_conv"
    ),
    "alpha_limits": Schema(("C2.2",), f"{GAME} values share_never equilibria"),
    "equilibrium_shift": Schema(("C2.1",), "kind alpha n_agents fleets predicted found error largest_error"),
    "equilibrium_field": Schema(
        ("C2",),
        "form words alpha p1 p2 j_slope_1 j_slope_2 j_equilibria_1 j_equilibria_2 mixed_slope_1 mixed_slope_2"
        " mixed_equilibria_1 mixed_equilibria_2",
    ),
    "tradeoff": Schema(
        ("C2.1",), "system rule n_values variance variance_exponent low high alpha shift value_lost fleets"
    ),
    "counterexamples": Schema(("C2",), "form claim reading inclusion points words file status gain alpha examined"),
    "annealing": Schema(
        ("C2",),
        "kind system cost reference alpha_end equilibria_lost equilibria_foreign unequal_share distance value_lost",
    ),
    "alignment": Schema(
        ("A2",),
        "system cost reference n_agents policy fleets violated low high cosine_q05 cosine_median agents_violated",
    ),
    "complexity_curves": Schema(("C3",), f"{LEARNER} samples median low high expected roll_outs"),
    "complexity_arrivals": Schema(("C3",), f"{LEARNER} factor eps median low high censored fleets each"),
    "complexity_exponents": Schema(
        ("C3",), "system method step_rule what value low high level verdict expected relation fleets censored"
    ),
    "complexity_floors": Schema(("C3",), "system method n_agents floor low high settled"),
    "complexity_tuning": Schema(("C3",), "system method n_agents scale tried median_samples"),
    "complexity_constants": Schema(("A4",), "system n_agents what source median low high"),
    "complexity_predicted": Schema(("A4",), "system method n_agents factor predicted observed ratio"),
    "speed": Schema(("",), "what goal measured reached note"),
    "declared": Schema(("C1", "C2", "C3", "C4"), "text"),
}
TABLES = tuple(SCHEMAS)
