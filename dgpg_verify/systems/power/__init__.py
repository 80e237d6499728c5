"""Generators that together meet a demand, alone or over lines; cases from files."""

from dgpg_verify.systems.power.continuous import ContinuousDispatch
from dgpg_verify.systems.power.power_dispatch import PowerDispatch
