"""Roll-outs and counterfactual re-runs."""

from dgpg_verify.rollouts.collect import check_rollout, collect, split_rollout
from dgpg_verify.rollouts.counterfactual import (
    branch_returns,
    one_step_rewards,
    replay_each,
    replay_gains,
    restep_rewards,
)
