"""Numbers in words, for the sentences of the ledger: an unknown one is said to be unknown, not printed as a gap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dgpg_verify.core import Estimate, Verdict

NOT_MEASURABLE = "not measurable"
UNMEASURED = f"The {{statistic}}{{of}} is {NOT_MEASURABLE} ({{why}}): {{where}}."
Sentences = Mapping[str, str]  # label -> nearest true sentence, with {names} to fill


def sentence(sentences: Sentences, verdict: Verdict, form: str = ".3g", **about: Any) -> str:
    """The sentence of a verdict's label, or that nothing was measured.

    Parameters
    ----------
    form : of {value}, {low} and {high}; {estimate} is the value with its interval, {growth} see `growth`.
    about : what else the sentences name; of: a restriction of {statistic}, nothing unless given.
    """
    estimate = verdict.estimate
    template = UNMEASURED if is_unknown(estimate) else sentences[verdict.label]
    numbers = {name: number(getattr(estimate, name), form) for name in ("value", "low", "high")}
    said = {"estimate": with_interval(estimate), "growth": growth(estimate), "why": verdict.why}
    return template.format(**numbers, **said, **{"of": "", **about})


def number(value: float | None, form: str = ".3g") -> str:
    """z: a number that rounds to 0 has no sign."""
    return NOT_MEASURABLE if value is None else format(value, f"z{form}")


def growth(estimate: Estimate) -> str:
    """An exponent in N as a verb: `grows like N^0.97 [0.85, 1.08]`, `falls like ...`; `shows no trend in N (N^0.02
    [-0.03, 0.07])` where its interval holds 0, `is the same for all N (...)` where all of it rounds to 0."""
    low, high = (None if end is None else round(end, 2) for end in (estimate.low, estimate.high))
    power = f"N^{number(estimate.value, '.2f')} [{number(estimate.low, '.2f')}, {number(estimate.high, '.2f')}]"
    if low is None or high is None:
        return f"goes like {power}"
    if low <= 0 <= high:
        return f"is the same for all N ({power})" if low == high else f"shows no trend in N ({power})"
    return f"{'grows' if low > 0 else 'falls'} like {power}"


def with_interval(estimate: Estimate) -> str:
    """`0.93 [0.9, 0.96]`; `at least 6.92`, `at most 20` or `between 3 and 5` where only bounds are known."""
    value, low, high = (None if end is None else number(end) for end in (estimate.value, estimate.low, estimate.high))
    if low is None or high is None:
        known = [f"at least {low}"] * (low is not None) + [f"at most {high}"] * (high is not None)
        return known[0] if known else value or NOT_MEASURABLE
    return f"between {low} and {high}" if value is None else f"{value} [{low}, {high}]"


def is_unknown(estimate: Estimate) -> bool:
    """Neither a value nor a bound."""
    return estimate.value is None and estimate.low is None and estimate.high is None


def power(base: str, exponent: float | None) -> str:
    """`N^0.97`, or nothing where the exponent is unknown."""
    return "" if exponent is None else f"{base}^{number(exponent, '.2f')}"


def options_in_words(options: Mapping[str, Any]) -> list[str]:
    """`horizon 20`, option by option, sorted by name."""
    return [f"{name.replace('_', ' ')} {value}" for name, value in sorted(options.items())]
