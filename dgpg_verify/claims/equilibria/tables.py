"""Flat records behind the figures on equilibria, made from the cells alone. Unknown numbers are None.

equilibrium_rates, equilibrium_values, alpha_limits, equilibrium_shift, equilibrium_field, tradeoff, counterexamples,
annealing, alignment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dgpg_verify.claims.declared import declared
from dgpg_verify.claims.equilibria.design import EVERY, PRACTICAL, SHUFFLED, SIZE
from dgpg_verify.claims.equilibria.measure.alignment import PERFECT, POLICIES, TEAM_POINTS, UNDEFINED
from dgpg_verify.claims.equilibria.measure.games import MAX_LIMITS, WHICH
from dgpg_verify.claims.equilibria.measure.intervals import ALPHAS
from dgpg_verify.claims.equilibria.measure.shift import SHIFT_ALPHAS
from dgpg_verify.claims.equilibria.measure.tradeoff import RULES
from dgpg_verify.claims.equilibria.read import UNKNOWN, DrawnFleets, equal_rate, mean_of, read_fleets, relation_counts
from dgpg_verify.claims.series import Measured
from dgpg_verify.core.moments import mixed_variance
from dgpg_verify.equilibria.counterexamples.catalogue import FORMS
from dgpg_verify.equilibria.counterexamples.files import load_all, load_empty
from dgpg_verify.equilibria.counterexamples.words import empty_in_words
from dgpg_verify.statistics import clopper_pearson, fit_scaling

Records = list[dict[str, Any]]
LEVEL = 0.95
PUBLISHED = (0.9, 0.55, 0.2)  # start, middle and end of the published schedule


def equilibrium_tables(measured: Measured) -> dict[str, Records]:
    """Every table whose cells are there."""
    pure, mixed = read_fleets(measured, "pure"), read_fleets(measured, "mixed")
    team, shift = read_fleets(measured, "team"), read_fleets(measured, "shift")
    examples = read_fleets(measured, "counterexample")
    made = {
        "equilibrium_rates": [*_rates(pure, "pure"), *_rates(mixed, "mixed")],
        "equilibrium_values": list(_values(pure)),
        "alpha_limits": list(_limits(pure)),
        "equilibrium_shift": list(_shift(shift)),
        "equilibrium_field": list(_field(examples)),
        "tradeoff": list(_tradeoff(read_fleets(measured, "tradeoff"))),
        "counterexamples": list(_counterexamples(examples)),
        "annealing": [*_annealing(pure), *_smooth_annealing(shift)],
        "alignment": [*_alignment(read_fleets(measured, "aligned")), *_team_alignment(team)],
    }
    found = {name: records for name, records in made.items() if records}
    return found | {"declared": declared("equilibria")} if found else {}


def _kind(group: DrawnFleets, alpha: float | str, points: str) -> str:
    if group.reference in (PERFECT, SHUFFLED):
        return "control"
    lead = (group.n, group.k) == SIZE and group.reference == PRACTICAL and alpha == EVERY
    return "primary" if lead and points == "pure" else "exploratory"


def _rates(groups: Sequence[DrawnFleets], points: str) -> Records:
    made: Records = []
    for group in groups:
        for place, codes in enumerate(group.over("relations")):
            alpha: float | str = ALPHAS[place] if place < len(ALPHAS) else EVERY
            estimate = equal_rate(codes, LEVEL)
            known = {"fleets": estimate.n, "undecided": int((codes == UNKNOWN).sum())}
            if group.part == "mixed" and group.n > 2:  # only differences are seen there: no rate of equal sets
                known, estimate = known | {"fleets": len(codes)}, clopper_pearson(known["undecided"], len(codes), LEVEL)
            made.append(
                {"cost": group.cost, "reference": group.reference, "n_agents": group.n, "n_actions": group.k,
                 "points": points, "alpha": alpha, **known, **relation_counts(codes),
                 "rate": estimate.value, "low": estimate.low, "high": estimate.high,
                 "bound": "upper" if points == "mixed" and group.n > 2 else "none",
                 "kind": _kind(group, alpha, points)}
            )  # fmt: skip
    return made


def _values(groups: Sequence[DrawnFleets]) -> Iterator[dict[str, Any]]:
    for group in groups:
        if not group.has("loss"):
            continue
        loss, ratio, moved, conv = (group.over(name) for name in ("loss", "ratio", "moved", "nash_conv"))
        for w, which in enumerate(WHICH):
            for a, alpha in enumerate(ALPHAS):
                mean = mean_of(loss[w, a])
                yield {
                    "cost": group.cost, "reference": group.reference, "n_agents": group.n, "n_actions": group.k,
                    "alpha": alpha, "which": which, "fleets": mean.n,
                    "mean_loss": mean.value, "low": mean.low, "high": mean.high,
                    "median_ratio": float(np.median(ratio[w, a])), "q90_ratio": float(np.quantile(ratio[w, a], 0.9)),
                    "moved": float(moved[w, a].mean()), "nash_conv": float(conv[w, a].mean()),
                }  # fmt: skip


def _limits(groups: Sequence[DrawnFleets]) -> Iterator[dict[str, Any]]:
    for group in groups:
        if (group.n, group.k) == SIZE:
            limits = np.concatenate([np.asarray(item.values["limits"]) for item in group.evidence])
            shares = [float(item.values["never_share"]) for item in group.evidence]
            counts = [float(np.asarray(item.values["present"]).sum()) for item in group.evidence]
            yield {
                "cost": group.cost, "reference": group.reference, "n_agents": group.n, "n_actions": group.k,
                "values": np.sort(limits[:MAX_LIMITS]).tolist(),
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
    for kind in dict.fromkeys(str(group.options["kind"]) for group in groups):
        mine = sorted((g for g in groups if g.options["kind"] == kind), key=lambda group: group.n)
        n_values = [group.n for group in mine]
        for rule in (*RULES, "published"):
            place = RULES.index("0.2" if rule == "published" else rule)
            variance = np.array([[_variance(item.values, rule) / g.n for item in g.evidence] for g in mine])
            fit = fit_scaling(n_values, variance, LEVEL)
            rows = {name: _per_n(mine, name, place) for name in ("alpha", "shift", "lost")}
            yield {
                "system": kind, "rule": "0.9->0.2" if rule == "published" else rule, "n_values": n_values,
                "variance": variance.mean(1).tolist(), "variance_exponent": fit.exponent, "low": fit.low,
                "high": fit.high, "alpha": rows["alpha"], "shift": rows["shift"], "value_lost": rows["lost"],
                "fleets": min(len(g.evidence) for g in mine),
            }  # fmt: skip


def _per_n(groups: Sequence[DrawnFleets], name: str, place: int) -> list[float]:
    return [float(np.mean([np.asarray(item.values[name])[place] for item in group.evidence])) for group in groups]


def _variance(values: Any, rule: str) -> float:
    """Sum over agents of the guided variance; of the published schedule the mean over start, middle and end."""
    alphas = PUBLISHED if rule == "published" else (float(np.asarray(values["alpha"])[RULES.index(rule)]),)
    base, guidance, covariance = (float(values[name]) for name in ("base", "guidance", "covariance"))
    return float(np.mean(mixed_variance(np.array(alphas), base, guidance, covariance)))


def _counterexamples(groups: Sequence[DrawnFleets]) -> Iterator[dict[str, Any]]:
    known = load_all()
    for group in groups:
        name, values = str(group.options["form"]), group.evidence[0].values
        if name not in known:
            continue
        form, failed = known[name].form, list(values["failed"])
        yield {
            "form": name, "claim": form.claim, "reading": form.reading, "inclusion": form.inclusion,
            "points": form.points, "words": str(values["words"]), "file": f"equilibria/data/{name}.json",
            "status": "counterexample" if not failed else "not verified", "gain": str(values["gain_exact"]),
            "alpha": str(values["alpha"]), "examined": values["examined"],
        }  # fmt: skip
    for search in load_empty() if groups else ():
        form = FORMS[search.form.name]
        yield {
            "form": form.name, "claim": form.claim, "reading": form.reading, "inclusion": form.inclusion,
            "points": form.points, "words": empty_in_words(search), "file": "equilibria/data/empty_searches.json",
            "status": f"none among {search.examined} fleets", "gain": None, "alpha": str(form.alpha),
            "examined": search.examined,
        }  # fmt: skip


def _annealing(groups: Sequence[DrawnFleets]) -> Iterator[dict[str, Any]]:
    """Pure sets: what is lost and what is foreign at the end of a schedule; alpha_end 0 is the limit from above."""
    for group in groups:
        if (group.n, group.k) != SIZE:
            continue
        present = float(group.over("present").sum())
        lost, foreign = group.over("lost"), group.over("foreign")
        for a, alpha in enumerate(ALPHAS):
            yield _annealed(group, alpha, float(lost[a].sum()) / present, float(foreign[a].sum()) / present,
                            float(((lost[a] > 0) | (foreign[a] > 0)).mean()))  # fmt: skip
        for_good = group.over("for_good")
        yield _annealed(group, 0.0, float(for_good.sum()) / present, 0.0, float((for_good > 0).mean()))


def _annealed(group: DrawnFleets, alpha: float, lost: float, foreign: float, unequal: float) -> dict[str, Any]:
    return {"kind": "pure", "system": f"{group.cost}, {group.reference}", "cost": group.cost,
            "reference": group.reference, "alpha_end": alpha, "equilibria_lost": lost, "equilibria_foreign": foreign,
            "unequal_share": unequal, "distance": None, "value_lost": None}  # fmt: skip


def _smooth_annealing(groups: Sequence[DrawnFleets]) -> Iterator[dict[str, Any]]:
    """Unique optima move smoothly and come back as alpha -> 0."""
    for group in groups:
        if not group.has("lost"):
            continue
        found, lost = group.over("found"), group.over("lost")
        for a, alpha in enumerate(SHIFT_ALPHAS):
            yield {
                "kind": str(group.options["kind"]), "system": str(group.options["kind"]), "cost": None,
                "reference": None, "alpha_end": alpha, "equilibria_lost": None, "equilibria_foreign": None,
                "unequal_share": None, "distance": float(found[a].mean()), "value_lost": float(lost[a].mean()),
            }  # fmt: skip


def _alignment(groups: Sequence[DrawnFleets]) -> Iterator[dict[str, Any]]:
    for group in groups:
        joint, negative = group.joined("joint"), group.joined("negative")
        agents, defined = group.joined("agents_negative"), group.joined("agents_defined")
        policy = np.asarray(group.evidence[0].values["policy"])
        for place, name in enumerate(POLICIES):
            here = policy == place
            one = {"system": "load_balancing", "cost": group.cost, "reference": group.reference, "n_agents": group.n,
                   "policy": name}  # fmt: skip
            yield one | _shares(joint[:, here], negative[:, here], agents[:, here].sum(), defined[:, here].sum())


def _team_alignment(groups: Sequence[DrawnFleets]) -> Iterator[dict[str, Any]]:
    for group in groups:
        joint, negative = group.joined("cosine"), group.joined("negative")
        agents = group.joined("agents_negative")
        point = np.asarray(group.evidence[0].values["point"])
        for place, name in enumerate(TEAM_POINTS):
            here = point == place
            law = f"alignment {group.options['alignment']:g}, bias {group.options['bias']:g}"
            one = {"system": "linear_quadratic", "cost": law, "reference": "", "n_agents": group.n, "policy": name}
            yield one | _shares(
                joint[:, here], negative[:, here], agents[:, here].sum(), agents[:, here].size * group.n
            )


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
