"""Samples to a gap: the same learner, credits and step rules on problems whose optimum is known exactly."""

from dgpg_verify.samples.arrival import FACTORS, Arrivals, samples_to_gap, start_fractions
from dgpg_verify.samples.floors import Floor, noise_free_floor
from dgpg_verify.samples.learner import Curve, learn, log_checkpoints
from dgpg_verify.samples.methods import CREDITS, SCALED, ScheduledCredit, make_method
from dgpg_verify.samples.problems import Constants, Problem, cell_generator
from dgpg_verify.samples.steps import GreedyStep, StepRule, TheoryStep, theory_numbers
from dgpg_verify.samples.team.problem import TeamProblem
from dgpg_verify.samples.tuning import Try, tune
