"""Hypothesis strategies: small heterogeneous fleets, job laws, candidate graphs, policies and teams, a small
multi-step system, and the exhaustive noise that turns an expectation over them into a finite sum.

Everything is built from drawn numbers on dyadic grids, so that a falsifying example shrinks to few agents and
short numbers, and prints as what it is.
"""

from dgpg_verify.testing.clouds import EXOGENOUS, cloud_systems
from dgpg_verify.testing.exhaustive import Exhaustive, all_profiles, gauss_hermite
from dgpg_verify.testing.games import game_and_policy, load_balancing_games
from dgpg_verify.testing.graphs import candidate_graphs
from dgpg_verify.testing.jobs import JOB_LAWS, capacities, job_sizes
from dgpg_verify.testing.noises import noise_seeds, noises
from dgpg_verify.testing.numbers import EXACT, grid, vectors
from dgpg_verify.testing.policies import POLICY_KINDS, gaussian_policies, softmax_policies
from dgpg_verify.testing.queues import QueueState, SmallQueues, small_queues
from dgpg_verify.testing.stocks import inventories
from dgpg_verify.testing.teams import linear_quadratic_teams, team_and_policy
