"""Training: one loop in which a method is a credit, a critic, a way of sharing parameters and an update rule."""

from dgpg_verify.training.evaluation import Evaluation, Heldout, evaluate, heldout, heuristic_act
from dgpg_verify.training.methods import Method, make_method, method_names, register_method
from dgpg_verify.training.run import TrainingRun, train, train_together
from dgpg_verify.training.saved.logs import LogLine
from dgpg_verify.training.schedules import make_schedule
from dgpg_verify.training.settings import Settings, usual_episodes
