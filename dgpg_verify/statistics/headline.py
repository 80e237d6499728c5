"""From the verdicts of many rows to the headline of a claim: first within a reading, then over the leading readings."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from dgpg_verify.core import Label

Headline = Literal["supported", "refuted", "depends", "inconclusive"]
HEADLINES: tuple[Headline, ...] = ("supported", "refuted", "depends", "inconclusive")


def join_rows(labels: Collection[Label]) -> Label:
    """The verdict of one reading: supported if all its primary rows are, refuted if one is, else inconclusive."""
    if "refuted" in labels:
        return "refuted"
    return "supported" if labels and set(labels) == {"supported"} else "inconclusive"


def join_readings(labels: Collection[Label], whole: bool = True) -> Headline:
    """The headline: what all leading readings say, or "depends" where one supports the claim and another refutes it.

    whole: whether every leading reading was measured. One that was not counts as undecided.

    Each reading is a statement of its own, so nothing is corrected for their number: the headline is wrong only where
    the verdict of some reading is, see `calibration.headline_error_rates`.
    """
    distinct: set[Label] = {*labels} if whole else {*labels, "inconclusive"}
    if {"supported", "refuted"} <= distinct:
        return "depends"
    return next(iter(distinct)) if len(distinct) == 1 else "inconclusive"
