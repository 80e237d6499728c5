"""Tables of what other packages' algorithms and environments gave, from kept files beside a run's folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dgpg_verify.reporting.records import Record, group_by
from dgpg_verify.runs.files import read_json
from dgpg_verify.statistics import mean_interval

CLOSER = ("normalised", "candidates")  # settings of BenchMARL that come closer to ours, compared with our `tuned`
RUNS, SPREAD, CASES = "benchmarl.json", "simple_spread.json", "power_cases.json"
REPEAT_RUNS = f"python scripts/benchmarl_runs.py --table --out reports/{RUNS}"
REPEAT_SPREAD = (
    "dgpg-verify scaling examples/pettingzoo_env.py:spread --n 2,4,8,16,32 --fleets 4 --rollouts 64 "
    f"--credits return,gae:central,guidance --option max_cycles=10 --json > reports/{SPREAD}"
)

REPEAT_CASES = f"python scripts/power_case.py case118 --out case118.json --check --record reports/{CASES}"


@dataclass(frozen=True)
class ForeignTable:
    """A table with what it shows, and the command that makes or repeats it."""

    title: str
    about: str
    heads: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    command: str


def foreign_tables(folder: Path) -> tuple[ForeignTable, ...]:
    """What lies beside the run's folder of RUNS, SPREAD and CASES."""
    made: dict[str, Callable[[Any], ForeignTable]] = {RUNS: runs_table, SPREAD: spread_table, CASES: cases_table}
    files = {name: folder.resolve().parent / name for name in made}
    return tuple(made[name](read_json(path)) for name, path in files.items() if path.exists())


def runs_table(records: Sequence[Record]) -> ForeignTable:
    """The last score of every kind of run, with 95 % t intervals over the seeds; for BenchMARL's also what is left when
    the score of ours on the same seed is taken off."""
    groups = group_by(records, _name)
    ours = {_like(r): _last(r)["score"] for r in records if r["implementation"] == "ours"}
    heads = ("run", "seeds", "joint samples", "score, drawn", "score, most probable", "less ours, drawn",
             "processor time")  # fmt: skip
    lines = []
    for name, runs in sorted(groups.items()):
        scores = [_interval([_last(run)[kind] for run in runs]) for kind in ("score", "greedy")]
        left = [_last(run)["score"] - ours[_like(run)] for run in runs if _like(run) in ours]
        scores.append(_interval(left) if runs[0]["implementation"] == "benchmarl" and left else "")
        seconds = np.mean([run["seconds"] for run in runs])
        lines.append((name, str(len(runs)), str(_last(runs[0])["samples"]), *scores, f"{seconds:.0f} s"))
    about = "Trained by BenchMARL on our fleets and towns; score: random actions 0, the field's rule 1."
    return ForeignTable("An independent implementation", about, heads, tuple(lines), REPEAT_RUNS)


def spread_table(answer: Mapping[str, Any]) -> ForeignTable:
    """Exponents of the variance in N of every credit on simple_spread."""
    sizes = sorted({record["n"] for record in answer["fleets_measured"]})
    lines = [
        (f"{made['credit']}", _exponent(made["exponent"]), made["O(1)"]["label"], made["O(N)"]["label"])
        for made in answer["exponents"]
        if made["quantity"] == "variance"
    ]
    about = (
        f"simple_spread of MPE, N = {sizes[0]} to {sizes[-1]}, uniform policy, {answer['fleets']} times "
        f"{answer['rollouts']} episodes at each N; guidance: a model written by hand."
    )
    heads = ("credit", "variance like N to the power of", "O(1)?", "O(N)?")
    return ForeignTable("An environment of another package", about, heads, tuple(lines), REPEAT_SPREAD)


def cases_table(records: Sequence[Record]) -> ForeignTable:
    """Every network's cost by both solvers."""
    heads = ("network", "generators", "lines with a limit", "cost an hour", "the two apart, as a share",
             "largest difference of an output", "ours takes")  # fmt: skip
    lines = [
        (str(r["case"]), str(r["generators"]), str(r["limits"] or "-"), f"{r['cost']:.9g}", f"{r['apart']:.1e}",
         f"{r['mw_apart']:.1e} MW", f"{1000 * r['seconds']:.2g} ms")
        for r in records
    ]  # fmt: skip
    about = "Our dispatch against pandapower's optimal power flow in direct current, on published networks."
    return ForeignTable("Another solver's dispatch", about, heads, tuple(lines), REPEAT_CASES)


def markdown(table: ForeignTable) -> str:
    rows = [f"| {' | '.join(table.heads)} |", "|---" * len(table.heads) + "|"]
    return "\n".join([*rows, *(f"| {' | '.join(line)} |" for line in table.lines)])


def _exponent(found: Mapping[str, Any]) -> str:
    return f"{found['value']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"


def _last(record: Record) -> dict[str, float]:
    found: dict[str, float] = record["curve"][-1]
    return found


def _like(record: Record) -> tuple[Any, ...]:
    """What a run of ours shares with those compared with it: settings that come closer to ours, with `tuned`."""
    setting = "tuned" if record["setting"] in CLOSER else record["setting"]
    same = (record[name] for name in ("system", "n_agents", "episodes", "algorithm", "seed"))
    return *same, setting, *sorted(record["options"].items())


def _name(record: Record) -> str:
    options = "".join(f", {name} {value}" for name, value in record["options"].items())
    where = f"{record['system']}, N = {record['n_agents']}{options}, {record['episodes']} episodes"
    return f"{where}: {record['algorithm'].upper()}, {record['setting']}, {record['implementation']}"


def _interval(values: Sequence[float]) -> str:
    if len(values) < 2:
        return f"{values[0]:.2f}"
    found = mean_interval(np.array(values), 0.95)
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
