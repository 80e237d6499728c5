"""The contract, frozen records, explicit noise and errors, shared by all other rooms."""

from dgpg_verify.core.abilities import (
    HasActionBlocks,
    HasActionInfluence,
    HasActionWeights,
    HasCombination,
    HasCritic,
    HasDecide,
    HasDecideFully,
    HasDefaultAction,
    HasFurther,
    HasHeuristics,
    HasJointRules,
    HasPrepared,
    HasPrior,
    HasProbabilities,
    HasRefusals,
    HasRemovalGains,
    HasRemovalRewards,
    HasReplacedRewards,
    HasResidenceSteps,
    HasScoreBlocks,
    HasSplitRewards,
    HasStateUnits,
    HasUnbiased,
    heuristic_names,
    joint_rules,
    lacking,
    offers,
    refusal,
)
from dgpg_verify.core.contract import Credit, Influence, Observation, Policy, Rollout, System, Transition
from dgpg_verify.core.errors import (
    ClaimRefuted,
    InputError,
    NonFiniteError,
    check_choice,
    check_finite,
    check_int,
    check_real,
    check_unique,
)
from dgpg_verify.core.noise import Noise, draw_noise, generator, open_uniforms
from dgpg_verify.core.offered import offered
from dgpg_verify.core.pairs import GIVEN_APART, parse_pairs
from dgpg_verify.core.records import (
    LABELS,
    Cell,
    Estimate,
    Evidence,
    Label,
    LedgerRow,
    Verdict,
    ledger_row_from_json,
    to_json,
)
