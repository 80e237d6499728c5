"""Numbers in words, for the sentences of the ledger: an unknown one is said to be unknown, not printed as a gap."""

from __future__ import annotations

from dgpg_verify.core import Estimate

NOT_MEASURABLE = "not measurable"


def number(value: float | None, form: str = ".3g") -> str:
    return NOT_MEASURABLE if value is None else format(value, form)


def with_interval(estimate: Estimate, form: str = ".3g") -> str:
    """`0.93 [0.9, 0.96]`; `at least 6.92`, `at most 20` or `between 3 and 5` where only bounds are known."""
    value, low, high = (
        None if end is None else format(end, form) for end in (estimate.value, estimate.low, estimate.high)
    )
    if low is None or high is None:
        known = [f"at least {low}"] * (low is not None) + [f"at most {high}"] * (high is not None)
        return known[0] if known else value or NOT_MEASURABLE
    return f"between {low} and {high}" if value is None else f"{value} [{low}, {high}]"


def is_unknown(estimate: Estimate) -> bool:
    """Neither a value nor a bound."""
    return estimate.value is None and estimate.low is None and estimate.high is None


def power(base: str, exponent: float | None, form: str = ".2f") -> str:
    """`N^0.97`, or nothing where the exponent is unknown."""
    return "" if exponent is None else f"{base}^{exponent:{form}}"
