"""Write a power case for `--option case=FILE` from the networks shipped with the PyPI package pandapower.

Usage: pip install pandapower==3.5.6 && python scripts/power_case.py case118 --out case118.json [--check]
       ... --lines [--limit MW] [--record reports/power_cases.json]

In an environment of its own: pandapower holds back pandas and is no dependency of this project. Its networks with
quadratic costs are case14, case30, case57, case118, case145, case300, iceland and GBnetwork (394 generators); the
others have straight costs and are refused. They come from MATPOWER and the University of Edinburgh by way of
pandapower, under the licences of those; none is part of this project. A case has the generators in service; its demand
is loads and shunts less fixed injections, without losses. `--lines` adds buses, loads and branches, with the limits of
the network and MW where there is none, as in most of these; numbers of buses are pandapower's internal ones. `--check`
compares the dispatch of this project with pandapower's optimal power flow in direct current,
with these limits, or lifted where the case has none; `--record` keeps what it found in a file of several.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("ext_grid", "gen")
UNREAD = ("dcline", "storage", "ward", "xward", "pwl_cost")
LIMITED = ("line", "trafo", "trafo3w")
LOAD, SHUNT = 2, 4  # columns of pandapower's matrix of buses, and of branches:
REACTANCE, LIMIT, RATIO, SHIFT, STATUS = 3, 5, 8, 9, 10
NO_LIMIT = 9900.0  # MW: how these networks write it
# of pandapower's solver, which does not always end at 1e-10
TIGHT = dict.fromkeys(("PDIPM_FEASTOL", "PDIPM_GRADTOL", "PDIPM_COMPTOL", "PDIPM_COSTTOL"), 1e-8)
AGREED = 1e-6  # relative difference of the two costs


def read_network(name: str, limited: bool = False) -> Any:
    """The network, limits of lines lifted unless `limited`; SystemExit where it is none that a case can hold."""
    import pandapower.networks

    make = getattr(pandapower.networks, name, None)
    if make is None:
        raise SystemExit(f"network = {name!r} is not allowed: it must be a function of pandapower.networks")
    net = make()
    unread = [kind for kind in UNREAD if len(net[kind])]
    if unread or not net.poly_cost.et.isin(KINDS).all():
        raise SystemExit(f"{name} has {', '.join(unread) or 'costs of sgen, load or storage'}: a case cannot hold them")
    if not (net.poly_cost.cp2_eur_per_mw2 > 0).all():
        raise SystemExit(f"{name} has straight costs: a case needs a quadratic part > 0 of every one")
    for kind in LIMITED:
        net[kind] = net[kind].drop(columns=[] if limited else "max_loading_percent", errors="ignore")
    return net


def as_wires(net: Any) -> dict[str, Any]:
    """Bus of each generator, loads and branches, as pandapower's own matrices of a solved network have them; in direct
    current a transformer is a reactance times its ratio. SystemExit for phase shifters, which a case cannot hold."""
    at, buses, table = net._pd2ppc_lookups["bus"], net._ppc["bus"].real, net._ppc["branch"].real
    table = table[table[:, STATUS] == 1.0]
    if table[:, SHIFT].any():
        raise SystemExit("the network has phase shifters: a case cannot hold them")
    needed = buses[:, LOAD] + buses[:, SHUNT]
    branches = [
        {"from": int(row[0]), "to": int(row[1]), "x": float(row[REACTANCE] * (row[RATIO] or 1.0)),
         **({"limit": float(row[LIMIT])} if row[LIMIT] < NO_LIMIT else {})}
        for row in table
    ]  # fmt: skip
    return {
        "buses": [int(at[net[cost.et].bus[cost.element]]) for cost in units(net)],
        "loads": [{"bus": int(bus), "p": float(p)} for bus, p in zip(buses[:, 0], needed) if p],
        "branches": branches,
    }


def set_limits(net: Any, most: float) -> None:
    """A limit in MW for every line and transformer that has none."""
    rated = net._ppc["branch"].real[:, LIMIT]
    for kind, (first, end) in net._pd2ppc_lookups["branch"].items():
        own = rated[first:end]
        loading = net[kind].max_loading_percent.to_numpy()
        net[kind]["max_loading_percent"] = np.where(own < NO_LIMIT, loading, loading * most / own)


def units(net: Any) -> list[Any]:
    """The rows of `poly_cost` of generators in service."""
    return [cost for cost in net.poly_cost.itertuples() if net[cost.et].in_service[cost.element]]


def as_case(net: Any, source: str, wires: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the file holds, lines included where they are given."""
    generators = []
    for cost in units(net):
        unit = net[cost.et].loc[cost.element]
        generators.append({
            "name": f"{cost.et} {cost.element} at bus {net.bus.name[unit.bus]}",
            "p_min": float(unit.min_p_mw), "p_max": float(unit.max_p_mw),
            "c2": float(cost.cp2_eur_per_mw2), "c1": float(cost.cp1_eur_per_mw),
        })  # fmt: skip
    load, fixed, shunt = (net[kind][net[kind].in_service] for kind in ("load", "sgen", "shunt"))
    needed = (load.p_mw * load.scaling).sum() - (fixed.p_mw * fixed.scaling).sum() + (shunt.p_mw * shunt.step).sum()
    case = {"source": source, "demand": float(needed), "generators": generators}
    if wires is None:
        return case
    placed = [{**each, "bus": bus} for each, bus in zip(generators, wires["buses"])]
    return {**case, "generators": placed, "loads": wires["loads"], "branches": wires["branches"]}


def check(net: Any, path: Path) -> dict[str, Any]:
    """Print both dispatches and return the comparison; SystemExit where they do not cost the same."""
    import pandapower

    from dgpg_verify.systems.power.case import read_case
    from dgpg_verify.systems.power.lines import limited_lines
    from dgpg_verify.systems.power.optimal_flow import optimal_flow
    from dgpg_verify.systems.power.power_dispatch import dispatch

    began = time.perf_counter()
    case = read_case(path)
    parts = case.quadratic, case.linear, case.least, case.most, case.demand
    if case.grid is None:
        ours = dispatch(*parts, np.inf)
    else:
        ours = optimal_flow(*parts, limited_lines(case.grid), np.inf).output
    seconds = time.perf_counter() - began
    pandapower.rundcopp(net, **TIGHT)
    theirs = np.array([net[f"res_{cost.et}"].p_mw[cost.element] for cost in units(net)])
    costs = [float(((0.5 * case.quadratic * p + case.linear) * p).sum()) for p in (ours, theirs)]
    apart = abs(costs[0] / costs[1] - 1.0)
    print(
        f"read and dispatched in {seconds:.2g} s: {costs[0]:.9g} an hour, pandapower {costs[1]:.9g}, {apart:.1e} apart;"
        f" outputs {np.abs(ours - theirs).max():.1e} MW apart at most"
    )
    if not apart <= AGREED:
        raise SystemExit(f"the costs are more than {AGREED:g} apart")
    limits = 0 if case.grid is None else int(np.isfinite(case.grid.limit).sum())
    return {
        "generators": len(ours), "demand": float(case.demand), "limits": limits, "seconds": seconds,
        "cost": costs[0], "pandapower": costs[1], "apart": apart, "mw_apart": float(np.abs(ours - theirs).max()),
    }  # fmt: skip


def keep(record: dict[str, Any], path: Path) -> None:
    """Add a comparison to the file, in place of an earlier one of the same case."""
    others = json.loads(path.read_text()) if path.exists() else []
    kept = [other for other in others if other["case"] != record["case"]]
    path.write_text(json.dumps([*kept, record], indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="a power case from pandapower")
    parser.add_argument("network", help="a function of pandapower.networks, such as case118")
    parser.add_argument("--out", type=Path, required=True, help="the file to write, .json")
    parser.add_argument("--check", action="store_true", help="compare the dispatch with pandapower's")
    parser.add_argument("--lines", action="store_true", help="with buses, loads and branches")
    parser.add_argument("--limit", type=float, metavar="MW", help="of branches without one, with --lines")
    parser.add_argument("--record", type=Path, metavar="FILE", help="keep what --check found in a JSON file")
    given = parser.parse_args()
    if given.record is not None and not given.check:
        parser.error("--record keeps what --check finds")
    if given.limit is not None and not (given.lines and given.limit > 0.0):
        parser.error("--limit is a number > 0, together with --lines")
    net = read_network(given.network, limited=given.lines)
    import pandapower

    source, wires = f"{given.network} of pandapower {pandapower.__version__}", None
    if given.lines:
        pandapower.rundcopp(net, **TIGHT)
        if given.limit is not None:
            set_limits(net, given.limit)
            pandapower.rundcopp(net, **TIGHT)
            source += f", branches without a limit given {given.limit:g} MW"
        wires = as_wires(net)
    case = as_case(net, source, wires)
    given.out.write_text(json.dumps(case, indent=1) + "\n")
    print(f"{given.out}: {len(case['generators'])} generators and {case['demand']:.6g} MW")
    if given.check:
        found = check(net, given.out)
        if given.record is not None:
            keep({"case": source + (" with lines" if given.lines else "")} | found, given.record)


if __name__ == "__main__":
    main()
