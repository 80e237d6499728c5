"""Generic policies: tabular softmax, linear and MLP candidate scoring, Gaussian, and temperature around heuristics."""

from dgpg_verify.policies.gaussian import GaussianPolicy
from dgpg_verify.policies.linear import LinearPolicy, TabularPolicy
from dgpg_verify.policies.mlp import MLPPolicy
from dgpg_verify.policies.registry import make_policy, n_features, policy_names, uniform_policy
from dgpg_verify.policies.softmax import HeuristicPrior, SoftmaxPolicy, inverse_cdf, logit_scores, masked_softmax
from dgpg_verify.policies.stack import PolicyStack
