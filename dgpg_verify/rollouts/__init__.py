"""Roll-outs and counterfactual re-runs."""

from dgpg_verify.rollouts.collect import collect
from dgpg_verify.rollouts.counterfactual import branch_returns, one_step_rewards, restep_rewards
from dgpg_verify.rollouts.split import split_rollout

__all__ = ["branch_returns", "collect", "one_step_rewards", "restep_rewards", "split_rollout"]
