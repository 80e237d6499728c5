"""Ids of claims such as C4.1a: which of them a prefix names, and their order."""

from __future__ import annotations

import re


def is_named(claim: str, prefix: str) -> bool:
    """Whether the prefix names the claim: C1 names C1 and C1.2, C4.1 names C4.1a, C1 never names C10."""
    return re.fullmatch(re.escape(prefix) + r"([a-z.].*)?", claim) is not None


def claim_order(key: str) -> tuple[bool, list[tuple[int, str]]]:
    """Sort key of a claim's id: audits (A) after claims, C1.2 before C1.10."""
    return key.startswith("A"), natural(key)


def natural(key: str) -> list[tuple[int, str]]:
    """Sort key that puts N=5 before N=10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|\D+", key)]
