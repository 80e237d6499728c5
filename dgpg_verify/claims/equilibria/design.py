"""What is measured for C2.1, C2.2 and A2 at each scale: laws of fleets, how many, at which alphas, which rows lead.

Declared before measuring. Fleets are draws of the law of equilibria/games/random_games.py; equal (cost, N, K, batch)
gives the same fleets for every reference, so that references are compared on the same fleets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.equilibria.measure.alignment import PERFECT
from dgpg_verify.equilibria.counterexamples.files import load_all

FAMILY = "equilibria"
COSTS = ("quadratic", "delay", "mm1", "makespan")
PRACTICAL = "fluid"  # the paper's reference
SHUFFLED = "shuffled"  # the reference of another control: it belongs to other servers
SLIGHTLY = "biased:0.1"  # only in rates of equal sets, for their course over the bias
REFERENCES = (PERFECT, PRACTICAL, "speed_aware", SLIGHTLY, "biased:0.3", SHUFFLED)
EVERY = "every"  # all alpha in (0, 1) at once, from the exact interval of alphas of every joint action
SCHEDULE = (0.2, 0.5, 0.9)  # where the published schedule ends, about its middle, and where it starts
SIZE = (4, 3)  # N, K of the primary rows: small enough to enumerate, large enough that agents share servers
SIZES = ((2, 2), (2, 3), (3, 3), (4, 3), (6, 3))
RATE = 0.99  # sets must be equal in this share of the fleets
FEWEST = 3000  # fleets without a violation that "supported" asks for beside a theorem
CONTROL_RATE = 0.5  # a shuffled reference must break equality in more fleets than this
TEAMS = ((1.0, 0.0), (1.0, 0.3), (0.5, 0.0), (0.5, 0.3))  # (alignment, bias of the reference) of quadratic teams
TEAM_SIZES = (5, 20)
QUADRATIC = ("singular", "smallest-singular", "unaligned-equal")  # examples of T1 and T2 in fractions
# fleets a batch; batches of primary rows, controls, other rows; of A2; fleets of the trade-off at each of its N
SCALES: Mapping[str, Mapping[str, Any]] = {
    "smoke": {"batch": 200, "pure": 1, "more": 1, "readings": 1, "mixed": 100, "aligned": 40, "teams": 3, "shift": 20,
              "tradeoff": {16: 3, 32: 3, 64: 3, 128: 3}},
    "standard": {"batch": 1000, "pure": 3, "more": 1, "readings": 1, "mixed": 1000, "aligned": 400, "teams": 20,
                 "shift": 200, "tradeoff": dict.fromkeys((32, 64, 128, 256, 512, 1024), 8)},
    "full": {"batch": 1000, "pure": 30, "more": 5, "readings": 10, "mixed": 3000, "aligned": 3000, "teams": 100,
             "shift": 1000, "tradeoff": dict.fromkeys((32, 64, 128, 256, 512, 1024, 2048), 30)},
}  # fmt: skip


def equilibrium_design(scale: str, parts: Sequence[str]) -> list[Row]:
    """The rows of the named parts: "pure", "readings", "mixed", "aligned" (of games), "team", "shift", "tradeoff",
    "counterexample" or "quadratic"."""
    sizes = SCALES[scale]
    examples = [equilibrium_row("counterexample", {e.n_agents: 1}, {"form": name}) for name, e in load_all().items()]
    quadratic = [equilibrium_row("quadratic", {2: 1}, {"form": name}) for name in QUADRATIC]
    rows = [*_games(sizes), *examples, *quadratic, *_others(sizes)]
    return [row for row in rows if row.notes["part"] in parts]


def equilibrium_row(
    part: str,
    n_values: Mapping[int, int],
    options: Mapping[str, Any],
    options_at: Mapping[int, Mapping[str, Any]] | None = None,
) -> Row:
    """One kind of measurement on one law of fleets; n_values: N -> batches of them, one cell each."""
    named = (str(options[name]) for name in ("kind", "form", "cost", "reference") if name in options)
    sizes = [f"K={options['k']}"] if "k" in options else []
    sizes += [f"{name}={options[name]}" for name in ("alignment", "bias") if name in options]
    key = "/".join([part, *named, *sizes])
    # not the reference: equal batches of other references hold the same fleets
    stream = f"{FAMILY}/{part}/{options.get('cost', key)}/K={options.get('k', 0)}"
    return Row(FAMILY, key, n_values, options, options_at or {}, stream, notes={"part": part})


def laws() -> list[tuple[str, str]]:
    """(cost, reference) of the design; the splittable relaxation of a makespan has many solutions: no speed_aware."""
    return [(c, r) for c in COSTS for r in REFERENCES if (c, r) != ("makespan", "speed_aware")]


def _games(sizes: Mapping[str, Any]) -> list[Row]:
    made = []
    for cost, reference in laws():
        law = {"cost": cost, "reference": reference}
        made += _pure(sizes, law)
        if reference == SLIGHTLY:
            continue
        for k in (2, 3):  # two agents: alignment in simplex coordinates is decided exactly
            made.append(equilibrium_row("readings", {2: sizes["readings"]}, law | {"k": k, "fleets": sizes["batch"]}))
        if reference in (PERFECT, PRACTICAL):
            few = {3: {"fleets": sizes["mixed"] // 10}}  # three agents cost more
            made.append(equilibrium_row("mixed", {2: 1, 3: 1}, law | {"k": 2, "fleets": sizes["mixed"]}, few))
            made.append(equilibrium_row("mixed", {2: 1}, law | {"k": 3, "fleets": sizes["mixed"]}))
        made.append(equilibrium_row("aligned", {SIZE[0]: 1}, law | {"k": SIZE[1], "fleets": sizes["aligned"]}))
    return made


def _pure(sizes: Mapping[str, Any], law: Mapping[str, Any]) -> list[Row]:
    """Pure equilibria: the leading size for every reference, with values in J; the other sizes for the paper's."""
    made = []
    for k in dict.fromkeys(k for _, k in SIZES):
        shown = [n for n, actions in SIZES if actions == k and ((n, k) == SIZE or law["reference"] == PRACTICAL)]
        if shown:
            batches = {n: sizes["pure" if (n, k) == SIZE else "more"] for n in shown}
            options = {**law, "k": k, "fleets": sizes["batch"]}
            made.append(equilibrium_row("pure", batches, options, {n: {"values": (n, k) == SIZE} for n in shown}))
    return made


def _others(sizes: Mapping[str, Any]) -> list[Row]:
    teams = [
        equilibrium_row("team", dict.fromkeys(TEAM_SIZES, 1), {"alignment": a, "bias": b, "fleets": sizes["teams"]})
        for a, b in TEAMS
    ]
    shifts = [
        equilibrium_row("shift", {n: 1}, {"kind": kind, "fleets": sizes["shift"]})
        for kind, n in (("saddle", 2), ("entropy", 3), ("team", 20))
    ]
    return [
        *teams,
        *shifts,
        *(equilibrium_row("tradeoff", sizes["tradeoff"], {"kind": kind}) for kind in ("team", "game")),
    ]
