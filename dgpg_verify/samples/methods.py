"""Methods of the comparison: a credit, and the rule that sets alpha along the run.

    return, difference, guidance, guidance:exact       one credit alone (alpha 0 or 1)
    guided:0.4            fixed alpha
    guided:published      0.9 -> 0.2, linear over the first ANNEAL samples, then 0.2; the same for every N
    guided:optimal        alpha*: the variance-minimising alpha of the present state (oracle)
    guided:sqrt           1 - alpha = N^-1/2, the slowest switch-off of the return that keeps the variance bounded
    guided:zero           alpha = ANNEAL / (samples + ANNEAL) -> 0; the same for every N
    mixed:A, parts:A, both:A      A as after guided: (but optimal), on the scales of that setting (below)

`guided:...@difference` mixes the guidance with the difference reward instead of the shared return. Declared choice:
alpha is refreshed at every checkpoint of a run (at every step at first, then when samples grew by 5 %).

Settings. `guided` sums both parts. On other scales (s_b, s_g), see `core.moments.setting_scales`,
    (1 - alpha) s_b A - alpha s_g g = c ((1 - alpha') A - alpha' g),  c = (1 - alpha) s_b + alpha s_g,
    alpha' = alpha s_g / c,
so that mixed, parts and both are `guided` at alpha'. In mixed alpha' = alpha N / (alpha N + 1 - alpha) at every state;
in parts and both the standard deviations are the exact ones of the present state. The factor c is left out: it changes
the size of steps alone, and the steps here are those of the step rule at alpha' (declared choice), under which c
cancels. For the same reason guided:optimal is one method on all scales: alpha' of least variance does not depend on
them. Setting `joint`, mixed less its mean and over its standard deviation, is no method here: but for a factor it is
mixed with a baseline, alpha' times the mean of g, which changes the noise and not the mean direction.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from dgpg_verify.core import InputError, check_choice, check_real
from dgpg_verify.core.moments import setting_scales
from dgpg_verify.samples.problems import Array, Problem, check_alphas

BASES = {
    "return": "return",
    "difference": "difference",
    "guidance": None,
    "guidance:exact": None,
    "guided": "return",
    "guided@difference": "difference",
}
CREDITS = tuple(BASES)
SCALED = ("mixed", "parts", "both")  # settings other than sums
PUBLISHED = (0.9, 0.2)
ANNEAL = 1000.0  # samples over which the published schedule falls: declared, and the same for every N
GRAMMAR = (
    "return, difference, guidance, guidance:exact or guided:A[@difference] with A in [0, 1], published, optimal, "
    "sqrt or zero; or mixed:A, parts:A, both:A with any such A but optimal"
)
Rule = Callable[[Problem, Array, float], Array]  # (problem, state, samples so far) -> alpha [R]


@dataclass(frozen=True)
class ScheduledCredit:
    """A method: credit, one of CREDITS, which a `Problem` samples, and rule, which gives alpha [R] along the run."""

    name: str
    credit: str
    rule: Rule

    def alpha_at(self, problem: Problem, state: Array, samples: float) -> Array:
        """alpha [R] in [0, 1]; samples = infinity gives the limit of the schedule."""
        return self.rule(problem, state, samples)


def make_method(name: str) -> ScheduledCredit:
    """A method by name (see the module). Raises InputError on another name, or alpha outside [0, 1]."""
    text = str(name).replace(" ", "").lower()
    if text in CREDITS and not text.startswith("guided"):
        return ScheduledCredit(text, text, _constant(1.0 if text.startswith("guidance") else 0.0))
    setting, _, argument = text.partition(":")
    if setting in SCALED and argument != "optimal":
        return ScheduledCredit(text, "guided", _scaled(setting, _rule(name, "guided", argument)))
    mixture = re.fullmatch(r"(guided:([^@]+))(?:@return|(@difference))?", text)
    if not mixture:
        raise InputError(f"method = {name!r} is not allowed: it must be {GRAMMAR}")
    head, argument, suffix = mixture.groups(default="")
    return ScheduledCredit(head + suffix, "guided" + suffix, _rule(name, "guided" + suffix, argument))


def base_of(credit: str) -> str | None:
    """ "return", "difference", or None for guidance alone: what (1 - alpha) multiplies. InputError if unknown."""
    return BASES[check_choice("credit", credit, CREDITS)]


def check_mixture(credit: str) -> None:
    """Raise InputError unless the credit is a mixture, which alone has an alpha*."""
    if base_of(credit) is None or not credit.startswith("guided"):
        raise InputError(f"credit = {credit!r} is not allowed: only guided and guided@difference have an alpha*")


def check_shares(credit: str, alpha: ArrayLike, runs: int) -> Array:
    """alpha [R] in [0, 1]; InputError where a single credit is given another alpha than its own, 0 or 1."""
    base, shares = base_of(credit), check_alphas(alpha, runs)
    forced = 1.0 if base is None else 0.0
    if not credit.startswith("guided") and not bool((shares == forced).all()):
        wrong = shares[shares != forced][0]
        raise InputError(f"alpha = {wrong:g} is not allowed: it must be {forced:g} for the credit {credit!r}")
    return shares


def _rule(name: str, credit: str, argument: str) -> Rule:
    if argument == "published":
        return lambda problem, state, samples: np.full(problem.runs, _falling(samples))
    if argument == "zero":
        return lambda problem, state, samples: np.full(problem.runs, ANNEAL / (samples + ANNEAL))
    if argument == "sqrt":
        return lambda problem, state, samples: np.full(problem.runs, 1.0 - problem.n_agents**-0.5)
    if argument == "optimal":
        return lambda problem, state, samples: problem.optimal_alpha(state, credit)
    try:
        value = float(argument)
    except ValueError:
        raise InputError(f"method = {name!r} is not allowed: it must be {GRAMMAR}") from None
    return _constant(check_real("alpha", value, 0.0, 1.0))


def _scaled(setting: str, rule: Rule) -> Rule:
    """alpha' on sums of a mixture that has the rule's alpha on the scales of a setting."""

    def on_sums(problem: Problem, state: Array, samples: float) -> Array:
        alpha, count = rule(problem, state, samples), problem.n_agents
        if setting == "mixed":
            scales = np.array([setting_scales(setting, count)])
        else:
            pairs = zip(*(values.tolist() for values in problem.deviations(state)))
            scales = np.array([setting_scales(setting, count, *pair) for pair in pairs])
        base, guidance = (1.0 - alpha) * scales[:, 0], alpha * scales[:, 1]
        return np.asarray(guidance / (base + guidance))

    return on_sums


def _constant(value: float) -> Rule:
    return lambda problem, state, samples: np.full(problem.runs, value)


def _falling(samples: float) -> float:
    """Linear from the first to the last published value, exact at both ends."""
    done = min(samples / ANNEAL, 1.0)
    return (1.0 - done) * PUBLISHED[0] + done * PUBLISHED[1]
