"""Checks that a user's own system or credit keeps the contract of `core.contract`, each failure in one line."""

from dgpg_verify.contracts.credits import check_credit
from dgpg_verify.contracts.own import check_own_credits, check_own_system
from dgpg_verify.contracts.systems import check_system
