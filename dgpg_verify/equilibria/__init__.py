"""Equilibria of small one-shot games: pure sets, mixed points, certificates, values, and the law of the fleets."""

from dgpg_verify.equilibria.alignment.curvature import pair_values, tangent_curvature
from dgpg_verify.equilibria.alignment.points import sign_agreement
from dgpg_verify.equilibria.flows.ascent import reached_equilibrium
from dgpg_verify.equilibria.flows.stationary import (
    POINT_KINDS,
    StationaryPoints,
    classify,
    declared_starts,
    stationary_points,
)
from dgpg_verify.equilibria.games.compare import (
    RELATIONS,
    ValueChange,
    compare_points,
    compare_sets,
    distance_moved,
    total_variation,
    value_changes,
)
from dgpg_verify.equilibria.games.law import REFERENCES, perfect_guidance, random_games, random_tables
from dgpg_verify.equilibria.games.profiles import (
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
from dgpg_verify.equilibria.games.pure import (
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
from dgpg_verify.equilibria.games.relaxation import relaxed_states
from dgpg_verify.equilibria.games.tables import (
    MAX_JOINT_ACTIONS,
    Tables,
    check_alpha,
    check_table,
    joint_tables,
    table_range,
)
from dgpg_verify.equilibria.games.two_player import TwoPlayerEquilibria, two_player_equilibria
from dgpg_verify.equilibria.shift.thresholds import AlphaIntervals, alpha_intervals, alpha_limits, exact_alpha_limit
