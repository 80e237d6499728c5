"""Systems that agents act on: one file (or folder) each, with fleet, workload, references and heuristics."""

from dgpg_verify.systems.analytical import AnalyticalModel
from dgpg_verify.systems.cloud import CloudScheduling, CloudStack
from dgpg_verify.systems.graphs import random_candidates
from dgpg_verify.systems.inventory import Inventory, SeparateInventory, random_inventory
from dgpg_verify.systems.jacobian import action_influence, choice_influence
from dgpg_verify.systems.linear_quadratic import LinearQuadraticTeam
from dgpg_verify.systems.load_balancing import LoadBalancingGame
from dgpg_verify.systems.power import PowerDispatch
from dgpg_verify.systems.rate_control import RateControl
from dgpg_verify.systems.references import alter_reference
from dgpg_verify.systems.registry import make_system, register_system, system_names
from dgpg_verify.systems.resource_game import ResourceGame
from dgpg_verify.systems.roads import RoadNetwork
