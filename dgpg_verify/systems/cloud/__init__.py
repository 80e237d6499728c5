"""Cloud scheduling: N dispatchers, M heterogeneous FIFO servers, T steps."""

from dgpg_verify.systems.cloud.observation import FEATURES
from dgpg_verify.systems.cloud.scheduling import CloudScheduling
from dgpg_verify.systems.cloud.stack import CloudStack
from dgpg_verify.systems.cloud.state import CloudState
