"""Flat records behind the figures on equilibria, made from the cells alone. Unknown numbers are None.

equilibrium_rates, equilibrium_values, alpha_limits, equilibrium_shift, equilibrium_field, tradeoff, counterexamples,
annealing, alignment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.claims.declared import declared
from dgpg_verify.claims.equilibria.design import EVERY, PRACTICAL, SHUFFLED, SIZE
from dgpg_verify.claims.equilibria.measure.alignment import PERFECT, POLICIES, TEAM_POINTS, UNDEFINED
from dgpg_verify.claims.equilibria.measure.games import WHICH
from dgpg_verify.claims.equilibria.measure.intervals import ALPHAS
from dgpg_verify.claims.equilibria.measure.shift import SHIFT_ALPHAS
from dgpg_verify.claims.equilibria.measure.tradeoff import RULES
from dgpg_verify.claims.equilibria.read import (
    UNKNOWN,
    DrawnFleets,
    by_law,
    equal_rate,
    mean_at_rule,
    read_fleets,
    relation_counts,
    variance_per_agent,
)
from dgpg_verify.claims.series import Measured
from dgpg_verify.equilibria.counterexamples.files import load_all, load_empty
from dgpg_verify.equilibria.counterexamples.forms import Form
from dgpg_verify.equilibria.counterexamples.words import empty_in_words
from dgpg_verify.statistics import clopper_pearson, fit_scaling, mean_of

Records = list[dict[str, Any]]
LEVEL = 0.95
SHOWN_LIMITS = 2000  # thresholds drawn of a law


def equilibrium_tables(measured: Measured) -> dict[str, Records]:
    """Every table whose cells are there."""
    pure, mixed = read_fleets(measured, "pure"), read_fleets(measured, "mixed")
    team, shift = read_fleets(measured, "team"), read_fleets(measured, "shift")
    examples = read_fleets(measured, "counterexample")
    made = {
        "equilibrium_rates": [*_rates(pure), *_rates(mixed)],
        "equilibrium_values": list(_values(pure)),
        "alpha_limits": list(_limits(pure)),
        "equilibrium_shift": list(_shift(shift)),
        "equilibrium_field": list(_field(examples)),
        "tradeoff": list(_tradeoff(read_fleets(measured, "tradeoff"))),
        "counterexamples": list(_counterexamples(examples)),
        "annealing": [*_annealing(pure), *_smooth_annealing(shift)],
        "alignment": [*_alignment(read_fleets(measured, "aligned"), POLICIES), *_alignment(team, TEAM_POINTS)],
    }
    found = {name: records for name, records in made.items() if records}
    return found | {"declared": declared("equilibria")} if found else {}


def _law(group: DrawnFleets) -> dict[str, Any]:
    return {"cost": group.cost, "reference": group.reference, "n_agents": group.n, "n_actions": group.k}


def _kind(group: DrawnFleets, alpha: float | str) -> str:
    if group.reference in (PERFECT, SHUFFLED):
        return "control"
    lead = (group.n, group.k) == SIZE and group.reference == PRACTICAL and alpha == EVERY
    return "primary" if lead and group.part == "pure" else "exploratory"


def _rates(groups: Sequence[DrawnFleets]) -> Iterator[dict[str, Any]]:
    """Shares of equal sets; mixed sets of three agents can only be seen to differ, which bounds the share above."""
    for group in groups:
        bounded = group.part == "mixed" and group.n > 2
        alphas: tuple[float | str, ...] = (*ALPHAS, EVERY)
        for alpha, codes in zip(alphas, group.over("relations")):
            undecided = int((codes == UNKNOWN).sum())
            estimate = clopper_pearson(undecided, len(codes), LEVEL) if bounded else equal_rate(codes, LEVEL)
            yield _law(group) | {
                "points": group.part, "alpha": alpha, "fleets": len(codes) if bounded else estimate.n,
                "undecided": undecided, **relation_counts(codes),
                "rate": estimate.value, "low": estimate.low, "high": estimate.high,
                "bound": "upper" if bounded else "none", "kind": _kind(group, alpha),
            }  # fmt: skip


def _values(groups: Sequence[DrawnFleets]) -> Iterator[dict[str, Any]]:
    for group in groups:
        loss, ratio, moved, conv = (group.valued(name) for name in ("loss", "ratio", "moved", "nash_conv"))
        if loss is None or ratio is None or moved is None or conv is None:
            continue
        for (w, which), (a, alpha) in product(enumerate(WHICH), enumerate(ALPHAS)):
            mean = mean_of(loss[w, a])
            yield _law(group) | {
                "alpha": alpha, "which": which, "fleets": mean.n,
                "mean_loss": mean.value, "low": mean.low, "high": mean.high,
                "median_ratio": float(np.median(ratio[w, a])), "q90_ratio": float(np.quantile(ratio[w, a], 0.9)),
                "moved": float(moved[w, a].mean()), "nash_conv": float(conv[w, a].mean()),
            }  # fmt: skip


def _limits(groups: Sequence[DrawnFleets]) -> Iterator[dict[str, Any]]:
    for group in groups:
        if (group.n, group.k) == SIZE:
            shares = [float(item.values["never_share"]) for item in group.evidence]
            counts = [float(item.values["present"]) for item in group.evidence]
            yield _law(group) | {
                "values": np.sort(group.over("limits")[:SHOWN_LIMITS]).tolist(),
                "share_never": float(np.average(shares, weights=counts)), "equilibria": int(sum(counts)),
            }  # fmt: skip


def _shift(groups: Sequence[DrawnFleets]) -> Iterator[dict[str, Any]]:
    for group in groups:
        for a, alpha in enumerate(SHIFT_ALPHAS):
            predicted, found, error = (group.over(name)[a] for name in ("predicted", "found", "error"))
            yield {
                "kind": str(group.options["kind"]), "alpha": alpha, "n_agents": group.n, "fleets": len(found),
                "predicted": float(predicted.mean()), "found": float(found.mean()), "error": float(error.mean()),
                "largest_error": float(error.max()),
            }  # fmt: skip


def _field(groups: Sequence[DrawnFleets]) -> Iterator[dict[str, Any]]:
    for group in groups:
        if group.has("field"):
            values = group.evidence[0].values
            yield {"form": str(group.options["form"]), "words": str(values["words"])} | dict(values["field"])


def _tradeoff(groups: Sequence[DrawnFleets]) -> Iterator[dict[str, Any]]:
    """One record a (system, rule): exponent of the variance per agent, and shift and loss at each N."""
    for (kind,), series in by_law(groups, "kind").items():
        n_values = [group.n for group in series]
        for rule in (*RULES, "published"):
            variance = variance_per_agent(series, rule)
            fit = fit_scaling(n_values, variance, LEVEL)
            alpha, shift, lost = (
                [mean_at_rule(group, name, rule) for group in series] for name in ("alpha", "shift", "lost")
            )
            yield {
                "system": kind, "rule": "0.9->0.2" if rule == "published" else rule, "n_values": n_values,
                "variance": variance.mean(1).tolist(), "variance_exponent": fit.exponent, "low": fit.low,
                "high": fit.high, "alpha": alpha, "shift": shift, "value_lost": lost,
                "fleets": min(len(group.evidence) for group in series),
            }  # fmt: skip


def _counterexamples(groups: Sequence[DrawnFleets]) -> Iterator[dict[str, Any]]:
    known = load_all()
    for group in groups:
        name, values = str(group.options["form"]), group.evidence[0].values
        if name in known:
            yield _named(known[name].form) | {
                "words": str(values["words"]), "file": f"equilibria/data/{name}.json",
                "status": "not verified" if list(values["failed"]) else "counterexample",
                "gain": str(values["gain_exact"]), "alpha": str(values["alpha"]), "examined": values["examined"],
            }  # fmt: skip
    for search in load_empty() if groups else ():
        yield _named(search.form) | {
            "words": empty_in_words(search), "file": "equilibria/data/empty_searches.json",
            "status": f"none among {search.examined} fleets", "gain": None, "alpha": str(search.form.alpha),
            "examined": search.examined,
        }  # fmt: skip


def _named(form: Form) -> dict[str, Any]:
    return {"form": form.name} | {name: getattr(form, name) for name in ("claim", "reading", "inclusion", "points")}


NOT_ANNEALED = dict.fromkeys(
    ("kind", "system", "cost", "reference", "alpha_end", "equilibria_lost", "equilibria_foreign", "unequal_share",
     "distance", "value_lost")
)  # fmt: skip


def _annealing(groups: Sequence[DrawnFleets]) -> Iterator[dict[str, Any]]:
    """Pure sets: what is lost and what is foreign at the end of a schedule; alpha_end 0 is the limit from above."""
    for group in groups:
        if (group.n, group.k) != SIZE:
            continue
        present, fleets = float(group.total("present")), group.over("relations").shape[1]
        unequal = (group.over("relations")[:-1] > 0).mean(1)
        at_zero = (0.0, group.total("for_good"), 0.0, float(group.total("fleets_for_good")) / fleets)
        for alpha, lost, foreign, share in [
            *zip(ALPHAS, group.total("lost"), group.total("foreign"), unequal),
            at_zero,
        ]:
            yield NOT_ANNEALED | {
                "kind": "pure", "system": f"{group.cost}, {group.reference}", "cost": group.cost,
                "reference": group.reference, "alpha_end": alpha, "equilibria_lost": float(lost) / present,
                "equilibria_foreign": float(foreign) / present, "unequal_share": float(share),
            }  # fmt: skip


def _smooth_annealing(groups: Sequence[DrawnFleets]) -> Iterator[dict[str, Any]]:
    """Unique optima move smoothly and come back as alpha -> 0."""
    for group in groups:
        if group.has("lost"):
            kind = str(group.options["kind"])
            for alpha, distance, lost in zip(SHIFT_ALPHAS, group.over("found"), group.over("lost")):
                yield NOT_ANNEALED | {
                    "kind": kind, "system": kind, "alpha_end": alpha, "distance": float(distance.mean()),
                    "value_lost": float(lost.mean()),
                }  # fmt: skip


def _alignment(groups: Sequence[DrawnFleets], points: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Games at the declared policies, or quadratic teams at the declared theta."""
    for group in groups:
        if group.part == "team":
            law = f"alignment {group.options['alignment']:g}, bias {group.options['bias']:g}"
            named: dict[str, Any] = {"system": "linear_quadratic", "cost": law, "reference": ""}
            joint, at = group.joined("cosine"), group.evidence[0].values["point"]
            defined = np.full(joint.shape, group.n)
        else:
            named = {"system": "load_balancing", "cost": group.cost, "reference": group.reference}
            joint, at = group.joined("joint"), group.evidence[0].values["policy"]
            defined = group.joined("agents_defined")
        negative, agents = group.joined("negative"), group.joined("agents_negative")
        for place, name in enumerate(points):
            here = np.asarray(at) == place
            shares = _shares(joint[:, here], negative[:, here], agents[:, here].sum(), defined[:, here].sum())
            yield named | {"n_agents": group.n, "policy": name} | shares


def _shares(joint: NDArray[Any], negative: NDArray[Any], agents: Any, defined: Any) -> dict[str, Any]:
    """Fleets with a certified negative joint cosine, cosines' quantiles, share of agents misaligned."""
    estimate = clopper_pearson(int(negative.any(1).sum()), len(negative), LEVEL)
    known = joint[joint != UNDEFINED]
    low, middle = np.quantile(known, [0.05, 0.5]) if len(known) else (None, None)
    return {
        "fleets": len(joint), "violated": estimate.value, "low": estimate.low, "high": estimate.high,
        "cosine_q05": None if low is None else float(low), "cosine_median": None if middle is None else float(middle),
        "agents_violated": float(agents) / float(defined) if defined else None,
    }  # fmt: skip
