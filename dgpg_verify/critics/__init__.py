"""Central and local value functions, fitted on given roll-outs and then frozen."""

from dgpg_verify.critics.features import central_features, local_features
from dgpg_verify.critics.mixers import MIXERS, Mixer
from dgpg_verify.critics.network import ValueNetwork, critic_inputs
from dgpg_verify.critics.regression import Critic, fit_baseline, fit_critic, gae, reward_to_go
from dgpg_verify.critics.seeds import drawn
from dgpg_verify.critics.team_values import LEARNED_VALUES, LearnedValue
from dgpg_verify.critics.value_norm import ValueNorm
