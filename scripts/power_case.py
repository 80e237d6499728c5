"""Write a power case for `--option case=FILE` from the networks shipped with the PyPI package pandapower.

Usage: pip install pandapower==3.5.6 && python scripts/power_case.py case118 --out case118.json [--check]

In an environment of its own: pandapower holds back pandas and is no dependency of this project. Its networks with
quadratic costs are case14, case30, case57, case118, case145, case300, iceland and GBnetwork (394 generators); the
others have straight costs and are refused. They come from MATPOWER and the University of Edinburgh by way of
pandapower, under the licences of those; none is part of this project. A case has the generators in service; its demand
is loads and shunts less fixed injections, without losses. `--check` compares the dispatch of this project with
pandapower's optimal power flow in direct current, limits of lines lifted.
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
TIGHT = dict.fromkeys(("PDIPM_FEASTOL", "PDIPM_GRADTOL", "PDIPM_COMPTOL", "PDIPM_COSTTOL"), 1e-10)  # of its solver
AGREED = 1e-6  # relative difference of the two costs


def read_network(name: str) -> Any:
    """The network, limits of lines lifted; SystemExit where it is none that a case can hold."""
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
        net[kind] = net[kind].drop(columns="max_loading_percent", errors="ignore")
    return net


def units(net: Any) -> list[Any]:
    """The rows of `poly_cost` of generators in service."""
    return [cost for cost in net.poly_cost.itertuples() if net[cost.et].in_service[cost.element]]


def as_case(net: Any, source: str) -> dict[str, Any]:
    """What the file holds."""
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
    return {"source": source, "demand": float(needed), "generators": generators}


def check(net: Any, path: Path) -> None:
    """Print both dispatches; SystemExit where they do not cost the same."""
    import pandapower

    from dgpg_verify.systems.power_case import read_case
    from dgpg_verify.systems.power_dispatch import dispatch

    began = time.perf_counter()
    case = read_case(path)
    ours = dispatch(case.quadratic, case.linear, case.least, case.most, case.demand, np.inf)
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


def main() -> None:
    parser = argparse.ArgumentParser(description="a power case from pandapower")
    parser.add_argument("network", help="a function of pandapower.networks, such as case118")
    parser.add_argument("--out", type=Path, required=True, help="the file to write, .json")
    parser.add_argument("--check", action="store_true", help="compare the dispatch with pandapower's")
    given = parser.parse_args()
    net = read_network(given.network)
    import pandapower

    case = as_case(net, f"{given.network} of pandapower {pandapower.__version__}")
    given.out.write_text(json.dumps(case, indent=1) + "\n")
    print(f"{given.out}: {len(case['generators'])} generators and {case['demand']:.6g} MW")
    if given.check:
        check(net, given.out)


if __name__ == "__main__":
    main()
