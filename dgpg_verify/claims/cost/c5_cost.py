"""C5: guidance adds little to the cost of its base method, and its model costs O(1) per agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.cost.measure import CONTROL, METHODS, MORE, RIVAL, measure_cost
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.question import EXPLORATORY_LEVEL, Question, as_control
from dgpg_verify.claims.series import Measured, Series, make_series
from dgpg_verify.claims.words import growth
from dgpg_verify.core import Cell, Evidence, Verdict
from dgpg_verify.statistics import Relation, geometric_mean_interval, judge, judge_threshold
from dgpg_verify.statistics.verdict import MARGIN

ROW = "cost/dgpg against mappo"
ADDED = 1.05  # little: at most 5 %
MINIMUM_N = 16
FEWEST_TIMES = 6  # fleets for the control of time: with fewer, timings decide nothing at 95 %
FEWEST_COUNTS = 3  # fleets for the control of memory, whose counts vary little
RATIO = {
    "supported": "{who} takes {value:.3f} times the {what} of MAPPO [{low:.3f}, {high:.3f}] at N = {n}.",
    "refuted": "{who} takes {value:.3f} times the {what} of MAPPO [{low:.3f}, {high:.3f}] at N = {n}: more than 5 %.",
    "inconclusive": "{who} takes {value:.3f} times the {what} of MAPPO [{low:.3f}, {high:.3f}] at N = {n}.",
}
GROWTH = {
    label: f"The time to evaluate the model, per agent, {{growth}}{ending}, N = {{n}}."
    for label, ending in (("supported", ""), ("refuted", ""), ("inconclusive", ", which does not decide"))
}
# N -> fleets, options of the system, rounds; N -> fleets on which memory is measured: it is counted, so few are enough
SIZES: Mapping[str, tuple[Mapping[int, int], Mapping[str, Any], int, Mapping[int, int]]] = {
    "smoke": ({16: 2}, {"horizon": 3}, 2, {16: 2}),
    "standard": (dict.fromkeys((16, 24, 40, 64), 6), {"horizon": 10}, 6, {16: 3, 64: 3}),
    "full": ({25: 6} | dict.fromkeys((150, 300, 600, 1500), 6), {"horizon": 50}, 6,
             {25: 6} | dict.fromkeys((150, 300, 600, 1500), 6)),
}  # fmt: skip
QUANTITIES = (("time", "seconds", "mappo_seconds"), ("memory", "bytes", "mappo_bytes"))
Costs = Series[Evidence]


def design(scale: str) -> list[Row]:
    """One cell per fleet. rounds: iterations of each method that are timed; weighed: fleets of each N on which memory
    is measured, in the first cell."""
    n_values, options, rounds, weighed = SIZES[scale]
    asked = {"system": "cloud", "options": dict(options), "rounds": rounds, "weighed": 0}
    return [Row("cost", ROW, n_values, asked, {n: {"weighed": fleets} for n, fleets in weighed.items()},
                notes={"minimum_n": MINIMUM_N})]  # fmt: skip


def cost(cell: Cell) -> float:
    return float(cell.n * 10**4) * (1.0 + cell.options["weighed"] * (cell.replicate == 0))


def questions(measured: Measured) -> list[Question]:
    """Ratios of least times and of peak bytes of tensors, fleet by fleet; growth of the model's time with N."""
    series = measured[ROW]
    ratios = [
        _ratio(f"{what}/N={n}", found, what, "dgpg_" + suffix, base)
        for n in series.n_values
        for what, suffix, base in QUANTITIES
        if (found := _with(series.only(n), base)).flat
    ]
    return [*ratios, _growth(series), *_rival(series), *_controls(series)]


def _rival(series: Costs) -> list[Question]:
    """The time of the replayed difference reward, beside the claim: it has no critic and needs no model."""
    above, name = f"{RIVAL}_seconds", "difference reward, replayed"
    timed = [series.only(n) for n in series.n_values if all(above in item.values for item in series.only(n).flat)]
    ratios = [_ratio(f"{RIVAL}/N={part.n_values[0]}", part, "time", above, "mappo_seconds", name) for part in timed]
    return [replace(ratio, primary=False) for ratio in ratios]


def _ratio(key: str, series: Costs, what: str, above: str, below: str, other: str = "") -> Question:
    """other: whose cost it is, if it is not DG-PG's."""
    ratios = _ratios(series, above, below)
    verdict = judge_threshold(geometric_mean_interval(ratios, EXPLORATORY_LEVEL), ADDED)
    note, who = f"ratios {min(ratios):.3f} to {max(ratios):.3f}", other or "DG-PG"
    question = _question(key, f"{what} ratio", verdict, series, ADDED, "at_most", RATIO, note, what, who)
    return replace(question, replicates=len(ratios) // len(series.n_values))


def _ratios(series: Costs, above: str, below: str) -> list[float]:
    """Fleet by fleet; a cell holds one fleet's times, and the memory of several."""
    parts = [np.atleast_1d(item.values[above]) / np.atleast_1d(item.values[below]) for item in series.flat]
    return [float(ratio) for part in parts for ratio in part]


def _controls(series: Costs) -> list[Question]:
    """Passed off as DG-PG, what is known to take more must be refuted as little: the time of HAPPO, which updates
    agents one after the other, and the memory of MAPPO with two roll-outs an update."""
    known = (
        (f"{CONTROL}_seconds", "HAPPO", FEWEST_TIMES),
        ("more_bytes", f"MAPPO with {MORE} roll-outs", FEWEST_COUNTS),
    )
    return [
        as_control(_ratio(what, weighed, what, above, base, name), "refuted")
        for (what, _, base), (above, name, fewest) in zip(QUANTITIES, known, strict=True)
        if len(_ratios(weighed := _with(series, above), above, base)) >= fewest
    ]


def _growth(series: Costs) -> Question:
    """Exponent of the model's time per agent: at most 0."""
    # small N pay a fixed price for each call, so the curve falls first and is not a straight line
    fit = series.fit(lambda item: float(item.values["model_seconds"]) / item.cell.n, EXPLORATORY_LEVEL)
    verdict = judge(fit, 0.0, MARGIN, "big_o", proved_bound=True)
    note = "two non-zeros of z for every agent: 2 N products a joint step"
    top = _part(series, lambda item: 10 * item.cell.n >= max(series.n_values))
    question = _question("model/growth", "exponent per agent", verdict, top, 0.0, "big_o", GROWTH, note)
    return replace(question, margin=MARGIN)


def _with(series: Costs, name: str) -> Costs:
    """The part of a series whose cells measured `name`."""
    return _part(series, lambda item: name in item.values)


def _part(series: Costs, chosen: Callable[[Evidence], bool]) -> Costs:
    return make_series(series.row, filter(chosen, series.evidence))


def _question(
    key: str, statistic: str, verdict: Verdict, series: Costs, expected: float, relation: Relation,
    sentences: Mapping[str, str], note: str, what: str = "", who: str = "DG-PG",
) -> Question:  # fmt: skip
    estimate = verdict.estimate
    known = estimate.value is not None and estimate.low is not None and estimate.high is not None
    sizes = ", ".join(map(str, series.n_values))
    words = {"n": sizes, "what": what, "who": who, "growth": growth(estimate)}
    options = ", ".join(f"{name} {value}" for name, value in series.row.options["options"].items())
    return Question(
        key=key,
        statistic=statistic,
        read=[series],
        verdict=verdict,
        sentence=sentences[verdict.label].format(**asdict(estimate) | words) if known else "Not measurable.",
        relation=relation,
        expected=expected,
        system=f"cloud ({options})",
        policy=f"{who} against MAPPO",
        setting="parts",
        primary=True,
        notes=(note,),
        replicates=min(len(items) for items in series.items.values()),
    )


def tables(measured: Measured) -> dict[str, Sequence[Mapping[str, Any]]]:
    return {"guidance_cost": [_record(item) for item in measured[ROW].flat]}


def _record(item: Evidence) -> dict[str, Any]:
    base, guided = float(item.values["mappo_seconds"]), float(item.values["dgpg_seconds"])
    weighed = all(f"{name}_bytes" in item.values for name in METHODS)
    small, large = (float(np.mean(item.values[f"{name}_bytes"])) if weighed else None for name in METHODS)
    return {
        "n": item.cell.n, "replicate": item.cell.replicate, "base_seconds": base, "guided_seconds": guided,
        "ratio": guided / base, "base_bytes": small, "guided_bytes": large,
        "bytes_ratio": None if small is None or large is None else large / small,
        "model_seconds": float(item.values["model_seconds"]),
    }  # fmt: skip


CLAIM = Claim(
    id="C5",
    title="The cost of guidance",
    source="remarks on complexity",
    statement="Guidance adds little to the time and memory of its base method; evaluating its model costs O(1) per "
    "agent.",
    family="cost",
    design=design,
    measure=measure_cost,
    questions=questions,
    tables=tables,
    cost=cost,
    decided_at="full",
)
