"""Credits: the scalar that multiplies an agent's score. One file each."""

from dgpg_verify.core.moments import SETTINGS
from dgpg_verify.credits.base import own_probabilities
from dgpg_verify.credits.difference import BranchCredit, DifferenceCredit
from dgpg_verify.credits.gae import GAECredit
from dgpg_verify.credits.guidance import GuidanceCredit
from dgpg_verify.credits.mixing import (
    GuidedCredit,
    NormalisedCredit,
    credit_sd,
    live_values,
    setting_scales,
)
from dgpg_verify.credits.registry import make_credit, register_credit
from dgpg_verify.credits.returns import (
    RawReturnCredit,
    ReturnCredit,
    RewardToGoCredit,
    ScoreCredit,
    discounted_to_go,
    episode_returns,
)
