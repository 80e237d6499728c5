"""Roll-outs and counterfactual re-runs."""

from dgpg_verify.rollouts.collect import check_rollout, collect, split_rollout
from dgpg_verify.rollouts.counterfactual import (
    branch_returns,
    one_step_rewards,
    others_at,
    own_action_influence,
    own_action_returns,
    replay_each,
    replay_gains,
    restep_rewards,
)
