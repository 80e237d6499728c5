"""Training: one loop in which a method is a credit, a critic, a way of sharing parameters and an update rule."""

from dgpg_verify.training.evaluation import Evaluation, Heldout, evaluate, heldout, heuristic_act
from dgpg_verify.training.logs import Record
from dgpg_verify.training.loop import TrainingRun, train
from dgpg_verify.training.methods import Method, make_method, method_names, register_method
from dgpg_verify.training.schedules import make_schedule
from dgpg_verify.training.settings import Settings
from dgpg_verify.training.together import train_together
