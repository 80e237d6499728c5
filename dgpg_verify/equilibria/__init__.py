"""Equilibria of small one-shot games: pure sets, mixed points, certificates, values, and the law of the fleets."""

from dgpg_verify.equilibria.alignment import sign_agreement
from dgpg_verify.equilibria.ascent import reached_equilibrium
from dgpg_verify.equilibria.compare import (
    RELATIONS,
    ValueChange,
    compare_points,
    compare_sets,
    distance_moved,
    total_variation,
    value_changes,
)
from dgpg_verify.equilibria.curvature import pair_values, tangent_curvature
from dgpg_verify.equilibria.law import REFERENCES, perfect_guidance, random_games, random_tables
from dgpg_verify.equilibria.profiles import (
    CERTIFICATE,
    Points,
    action_values,
    best_responses,
    certified,
    certified_points,
    check_profile,
    expected,
    exploitability,
    nash_conv,
    pure_points,
)
from dgpg_verify.equilibria.pure import (
    KIND_NAMES,
    NONE,
    STRICT,
    TIED,
    PureSets,
    kinds,
    pure_kinds,
    pure_nash,
    pure_sets,
    value_ranks,
)
from dgpg_verify.equilibria.relaxation import relaxed_states
from dgpg_verify.equilibria.stationary import (
    POINT_KINDS,
    StationaryPoints,
    classify,
    declared_starts,
    stationary_points,
)
from dgpg_verify.equilibria.tables import MAX_JOINT_ACTIONS, Tables, check_alpha, check_table, joint_tables, table_range
from dgpg_verify.equilibria.thresholds import AlphaIntervals, alpha_intervals, alpha_limits, exact_alpha_limit
from dgpg_verify.equilibria.two_player import TwoPlayerEquilibria, two_player_equilibria

__all__ = [
    "CERTIFICATE",
    "KIND_NAMES",
    "MAX_JOINT_ACTIONS",
    "NONE",
    "POINT_KINDS",
    "REFERENCES",
    "RELATIONS",
    "STRICT",
    "TIED",
    "AlphaIntervals",
    "Points",
    "PureSets",
    "StationaryPoints",
    "Tables",
    "TwoPlayerEquilibria",
    "ValueChange",
    "action_values",
    "alpha_intervals",
    "alpha_limits",
    "best_responses",
    "certified",
    "certified_points",
    "check_alpha",
    "check_profile",
    "check_table",
    "classify",
    "compare_points",
    "compare_sets",
    "declared_starts",
    "distance_moved",
    "exact_alpha_limit",
    "expected",
    "exploitability",
    "joint_tables",
    "kinds",
    "nash_conv",
    "pair_values",
    "perfect_guidance",
    "pure_kinds",
    "pure_nash",
    "pure_points",
    "pure_sets",
    "random_games",
    "random_tables",
    "reached_equilibrium",
    "relaxed_states",
    "sign_agreement",
    "stationary_points",
    "table_range",
    "tangent_curvature",
    "total_variation",
    "two_player_equilibria",
    "value_changes",
    "value_ranks",
]
