"""Checks that a user's own system or credit keeps the contract of `core.contract`, each failure in one line."""

from dgpg_verify.contracts.credits import check_credit
from dgpg_verify.contracts.systems import check_system
