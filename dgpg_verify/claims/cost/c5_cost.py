"""C5: guidance adds little to the cost of its base method, and its model costs O(1) per agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.cost.measure import CONTROL, METHODS, MORE, measure_cost
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.question import EXPLORATORY_LEVEL, Question
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.core import Cell, Evidence, Verdict
from dgpg_verify.statistics import Relation, geometric_mean_interval, judge, judge_threshold

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
    "supported": "Evaluating the model costs N^{value:.2f} per agent [{low:.2f}, {high:.2f}], N = {n}.",
    "refuted": "Evaluating the model costs N^{value:.2f} per agent [{low:.2f}, {high:.2f}], N = {n}: it grows.",
    "inconclusive": "Evaluating the model costs N^{value} per agent, which does not decide, N = {n}.",
}
# N -> fleets, options of the system, rounds, fleets of each N on which memory is measured
SIZES: Mapping[str, tuple[Mapping[int, int], Mapping[str, Any], int, int]] = {
    "smoke": ({16: 2}, {"horizon": 3}, 2, 2),
    "standard": (dict.fromkeys((16, 32, 64, 128), 6), {"horizon": 20}, 6, 3),
    "full": ({25: 6} | dict.fromkeys((150, 300, 600, 1500), 6), {"horizon": 50}, 6, 6),
}
Costs = Series[Evidence]


def design(scale: str) -> list[Row]:
    """One cell per fleet. rounds: iterations of each method that are timed; weighed: fleets of each N on which memory
    is measured too, in a process that loads the libraries anew."""
    n_values, options, rounds, weighed = SIZES[scale]
    asked = {"system": "cloud", "options": dict(options), "rounds": rounds, "weighed": weighed}
    return [Row("cost", ROW, n_values, asked, notes={"minimum_n": MINIMUM_N})]


def cost(cell: Cell) -> float:
    return float(cell.n * 10**4)


def questions(measured: Measured) -> list[Question]:
    """Ratios of least times and of peak bytes of tensors, fleet by fleet; growth of the model's time with N."""
    series = measured[ROW]
    ratios = [_ratio(series.only(n), what) for n in series.n_values for what in ("time", "memory")]
    return [*ratios, _growth(series), *_controls(series)]


def _ratio(series: Costs, what: str) -> Question:
    suffix = {"time": "seconds", "memory": "bytes"}[what]
    weighed = _with(series, f"mappo_{suffix}")
    ratios = _ratios(weighed, f"dgpg_{suffix}", f"mappo_{suffix}")
    verdict = judge_threshold(geometric_mean_interval(ratios, EXPLORATORY_LEVEL), ADDED)
    note = f"ratios {min(ratios):.3f} to {max(ratios):.3f}"
    key = f"{what}/N={series.n_values[0]}"
    return _question(key, f"{what} ratio", verdict, weighed, ADDED, "at_most", RATIO, note, what=what)


def _controls(series: Costs) -> list[Question]:
    """Passed off as DG-PG, what is known to take more must be refuted as little: the time of HAPPO, which updates
    agents one after the other, and the memory of MAPPO with two roll-outs an update."""
    made = []
    for what, suffix, key, name, fewest in (
        ("time", "seconds", f"{CONTROL}_seconds", "HAPPO", FEWEST_TIMES),
        ("memory", "bytes", "more_bytes", f"MAPPO with {MORE} roll-outs", FEWEST_COUNTS),
    ):
        weighed = _with(series, key)
        if len(weighed.flat) < fewest:
            continue
        ratios = _ratios(weighed, key, f"mappo_{suffix}")
        verdict = judge_threshold(geometric_mean_interval(ratios, EXPLORATORY_LEVEL), ADDED)
        note = f"{name}, a control"
        question = _question(f"{what}/control", f"{what} ratio", verdict, weighed, ADDED, "at_most", RATIO, note,
                             what=what, who=name)  # fmt: skip
        made.append(replace(question, primary=False, kind="control", expected_label="refuted"))
    return made


def _growth(series: Costs) -> Question:
    """Exponent of the model's time per agent: at most 0."""
    # small N pay a fixed price for each call, so the curve falls first and is not a straight line
    fit = series.fit(lambda item: float(item.values["model_seconds"]) / item.cell.n, EXPLORATORY_LEVEL)
    verdict = judge(fit, 0.0, 0.15, "big_o", proved_bound=True)
    note = "two non-zeros of z for every agent: 2 N products a joint step"
    used = [n for n in series.n_values if 10 * n >= max(series.n_values)]
    top = Series(series.row, {n: series.items[n] for n in used}, tuple(c for c in series.evidence if c.cell.n in used))
    question = _question("model/growth", "exponent per agent", verdict, top, 0.0, "big_o", GROWTH, note)
    return replace(question, margin=0.15)


def _with(series: Costs, name: str) -> Costs:
    """The part of a series whose cells measured `name`."""
    cells = {n: tuple(item for item in items if name in item.values) for n, items in series.items.items()}
    kept = {n: items for n, items in cells.items() if items}
    return Series(series.row, kept, tuple(item for items in kept.values() for item in items))


def _ratios(series: Costs, above: str, below: str) -> list[float]:
    return [float(item.values[above]) / float(item.values[below]) for item in series.flat]


def _question(
    key: str, statistic: str, verdict: Verdict, series: Costs, expected: float, relation: Relation,
    sentences: Mapping[str, str], note: str, what: str = "", who: str = "DG-PG",
) -> Question:  # fmt: skip
    estimate = verdict.estimate
    known = estimate.value is not None and estimate.low is not None and estimate.high is not None
    numbers = {"value": estimate.value, "low": estimate.low, "high": estimate.high, "what": what, "who": who}
    numbers["n"] = ", ".join(map(str, series.n_values))
    options = ", ".join(f"{name} {value}" for name, value in series.row.options["options"].items())
    return Question(
        key=key,
        statistic=statistic,
        read=[series],
        verdict=verdict,
        sentence=sentences[verdict.label].format(**numbers) if known else "Not measurable.",
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
    small, large = (item.values.get(f"{name}_bytes") for name in METHODS)
    return {
        "n": item.cell.n, "replicate": item.cell.replicate, "base_seconds": base, "guided_seconds": guided,
        "ratio": guided / base, "base_bytes": small, "guided_bytes": large,
        "bytes_ratio": None if small is None or large is None else float(large) / float(small),
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
