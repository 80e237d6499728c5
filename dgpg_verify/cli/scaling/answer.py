"""What `scaling` measures: every credit on every fleet of every N, then a power of N for each quantity."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dgpg_verify.cli.memory import check_memory
from dgpg_verify.cli.options import MOST_AGENTS
from dgpg_verify.cli.plugins import make_any_credits, make_any_policy
from dgpg_verify.contracts.named import make_any_system
from dgpg_verify.core import GIVEN_APART, Credit, Estimate, Verdict, check_int, check_real, check_unique, parse_pairs
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.runs.progress import Bar
from dgpg_verify.statistics import ScalingFit, fit_scaling, geometric_mean_interval, judge

QUANTITIES = ("variance", "noise_to_signal")
LEVEL = 0.95
MOST_FLEETS = 1000
BAR: dict[str, Any] = {"leave": False, "mininterval": 0.5, "delay": 0.5}
BAR["bar_format"] = "{percentage:3.0f} % {desc}, {remaining} left"


@dataclass(frozen=True)
class ScalingRequest:
    """A checked request of the command."""

    system: str
    options: dict[str, Any]
    credits: list[str | Credit]
    policy: str
    n_values: list[int]
    fleets: int
    rollouts: int
    seed: int
    setting: str
    target: str | None


@dataclass(frozen=True)
class Fit:
    """The power of N of one quantity of one credit, and what it says of O(1) and O(N)."""

    credit: str
    quantity: str
    fit: ScalingFit
    constant: Verdict
    linear: Verdict


@dataclass(frozen=True, repr=False)
class Answer:
    """about: the request in words. rows: one record per credit, N and fleet; a number that is not measurable is NaN."""

    about: dict[str, Any]
    rows: list[dict[str, Any]]
    fits: list[Fit]

    def __repr__(self) -> str:
        from dgpg_verify.cli.scaling.text import short_text

        return short_text(self)

    def to_frame(self) -> pd.DataFrame:
        """One row per credit, N and fleet.

        Columns: system, policy, sharing, setting; credit, n, fleet, seed of the fleet, rollouts; variance (mean over
        agents of tr Cov g_i) and signal_squared (mean of |E g_i|^2), both in (reward per parameter)^2 on the credit's
        own scale; noise_to_signal, without unit, NaN where it is not measurable.
        """
        return pd.DataFrame(self.rows)

    def plot(self) -> NDArray[Any]:
        """The two panels of the command's figure, [2] axes: variance and noise-to-signal against N."""
        from dgpg_verify.cli.scaling.figure import draw_scaling

        return np.array(draw_scaling(self).axes)

    @property
    def means(self) -> dict[tuple[str, int], dict[str, Estimate]]:
        """Geometric means over fleets with intervals, by (credit, N) and quantity."""
        found = {}
        for name, size in dict.fromkeys((row["credit"], row["n"]) for row in self.rows):
            found[name, size] = {quantity: _mean(self.table(name, quantity)[size]) for quantity in QUANTITIES}
        return found

    def table(self, credit: str, quantity: str) -> dict[int, list[float]]:
        """The values of all fleets, by N."""
        values: dict[int, list[float]] = {}
        for row in self.rows:
            if row["credit"] == credit:
                values.setdefault(row["n"], []).append(row[quantity])
        return values

    def values(self) -> dict[str, Any]:
        """Everything as JSON values."""
        means = [{"credit": name, "n": size, **mean} for (name, size), mean in self.means.items()]
        exponents = [
            {"credit": fit.credit, "quantity": fit.quantity, "exponent": fit.fit.estimate,
             "lack_of_fit": fit.fit.lack_of_fit, "why": fit.fit.why,
             "O(1)": asdict(fit.constant), "O(N)": asdict(fit.linear)}
            for fit in self.fits
        ]  # fmt: skip
        return {**self.about, "means": means, "exponents": exponents, "fleets_measured": self.rows}


def make_request(
    system: str, credits: str, n: str, policy: str, option: list[str], *, fleets: int, rollouts: int, seed: int,
    setting: str, target: str | None,
) -> ScalingRequest:  # fmt: skip
    """The words of the command line as a request; InputError on any value, before any work."""
    sizes = [check_int("n", check_real("n", part.strip()), 1, MOST_AGENTS) for part in n.split(",")]
    request = ScalingRequest(
        system=system,
        options=parse_pairs(option, GIVEN_APART),
        credits=make_any_credits(credits),
        policy=policy,
        n_values=sorted(check_unique("n", sizes)),
        fleets=check_int("fleets", fleets, 2, MOST_FLEETS),
        rollouts=check_int("rollouts", rollouts, 2),
        seed=check_int("seed", seed, 0),
        setting=setting,
        target=target,
    )
    build = partial(make_any_system, system, seed=seed, options=request.options, check=False)
    named = partial(make_any_policy, policy, seed=seed)
    check_memory(lambda size: build(n_agents=size), lambda built: named(system=built), request.n_values[-1], rollouts,
                 len(request.credits))  # fmt: skip
    return request


def scaling_answer(request: ScalingRequest) -> Answer:
    """Measure and fit. Cost: that of `measure_gradients` on every fleet of every N; progress on stderr."""
    cells = [(n, fleet) for n in request.n_values for fleet in range(request.fleets)]
    rows: list[dict[str, Any]] = []
    with Bar(total=sum(n for n, _ in cells), file=sys.stderr, **BAR) as bar:
        for n, fleet in cells:
            bar.set_description_str(f"N = {n}, fleet {fleet + 1} of {request.fleets}", refresh=False)
            rows += _measured(request, n, fleet)
            bar.update(n)
    about = {"system": request.system, "policy": request.policy, "setting": request.setting, "fleets": request.fleets,
             "rollouts": request.rollouts, "seed": request.seed}  # fmt: skip
    answer = Answer(about, rows, [])
    for name in dict.fromkeys(row["credit"] for row in rows):
        answer.fits.extend(_fit(name, quantity, answer.table(name, quantity)) for quantity in QUANTITIES)
    return answer


def _measured(request: ScalingRequest, n: int, fleet: int) -> list[dict[str, Any]]:
    """One record per credit, on one fleet; its seed depends on N and the fleet's number alone."""
    seed = int(np.random.SeedSequence(request.seed, spawn_key=(n, fleet)).generate_state(1)[0])
    system = make_any_system(request.system, n, seed, request.options, check=fleet == 0)
    policy = make_any_policy(request.policy, system, seed)
    moments = measure_gradients(system, policy, request.credits, rollouts=request.rollouts, seed=seed,
                                target=request.target, setting=request.setting, progress=False)  # fmt: skip
    about = {"system": request.system, "policy": request.policy, "sharing": policy.sharing, "setting": request.setting}
    return [
        {**about, "credit": name, "n": n, "fleet": fleet, "seed": seed, "rollouts": request.rollouts,
         "variance": float(credit.variance.mean()), "signal_squared": float(credit.signal_squared.mean()),
         "noise_to_signal": np.nan if credit.noise_to_signal.value is None else credit.noise_to_signal.value}
        for name, credit in moments.items()
    ]  # fmt: skip


def _fit(credit: str, quantity: str, table: dict[int, list[float]]) -> Fit:
    fit = fit_scaling(list(table), list(table.values()), level=LEVEL)
    return Fit(credit, quantity, fit, judge(fit, 0.0, relation="big_o"), judge(fit, 1.0, relation="big_o"))


def _mean(values: list[float]) -> Estimate:
    """Geometric mean over fleets; not measurable unless every value is a positive number."""
    if not all(np.isfinite(value) and value > 0 for value in values):
        return Estimate(None, None, None, LEVEL, len(values))
    return geometric_mean_interval(values, LEVEL)
