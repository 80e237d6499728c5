"""Central and local value functions, fitted on given roll-outs and then frozen."""

from dgpg_verify.critics.features import central_features, local_features
from dgpg_verify.critics.regression import Critic, fit_critic, reward_to_go

__all__ = ["Critic", "central_features", "fit_critic", "local_features", "reward_to_go"]
