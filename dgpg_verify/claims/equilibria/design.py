"""What is measured for C2.1, C2.2 and A2 at each scale: laws of fleets, how many, at which alphas, which rows lead.

Declared before measuring. Fleets are draws of the law of equilibria/law.py; equal (cost, N, K, batch) gives the same
fleets for every reference, so that references are compared on the same fleets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dgpg_verify.claims.registry import cell_seed
from dgpg_verify.core import Cell
from dgpg_verify.equilibria.counterexamples.files import load_all

FAMILY = "equilibria"
COSTS = ("quadratic", "delay", "mm1", "makespan")
PRACTICAL = "fluid"  # the paper's reference
PERFECT, SHUFFLED = "perfect", "shuffled"  # controls: J = -cG + const; a reference that belongs to other servers
SLIGHTLY = "biased:0.1"  # only in rates of equal sets, for their course over the bias
REFERENCES = (PERFECT, PRACTICAL, "speed_aware", SLIGHTLY, "biased:0.3", SHUFFLED)
ALPHAS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
EVERY = "every"  # all alpha in (0, 1) at once, from the exact interval of alphas of every joint action
SCHEDULE = (0.2, 0.5, 0.9)  # where the published schedule ends, about its middle, and where it starts
SIZE = (4, 3)  # N, K of the primary rows: small enough to enumerate, large enough that agents share servers
SIZES = ((2, 2), (2, 3), (3, 3), (4, 3), (6, 3))
RATE = 0.99  # sets must be equal in this share of the fleets
FEWEST = 3000  # fleets without a violation that "supported" asks for beside a theorem
CONTROL_RATE = 0.5  # a shuffled reference must break equality in more fleets than this
# policies at which A2 is measured, one-shot games; random: softmax of standard normal logits
POLICIES = ("uniform", "least_committed:1", "least_committed:0.3", "random", "near_equilibrium")
RANDOM_POLICIES = 4  # draws of it
NEAR = 0.05  # "near_equilibrium": the best pure equilibrium of J, with this share spread evenly
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


@dataclass(frozen=True)
class Batch:
    """One kind of measurement on one law of fleets; a cell is one batch of its fleets.

    part: "pure", "readings", "mixed", "aligned" (of games), "team", "shift", "tradeoff" or "counterexample".
    """

    part: str
    n: int
    batches: int
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        named = (str(self.options[name]) for name in ("kind", "form", "cost", "reference") if name in self.options)
        sizes = [f"K={self.options['k']}"] if "k" in self.options else []
        sizes += [f"{name}={self.options[name]}" for name in ("alignment", "bias") if name in self.options]
        return "/".join([self.part, *named, *sizes])

    def cells(self, seed: int) -> list[Cell]:
        # not the reference: equal batches of other references hold the same fleets
        law = f"{self.options.get('cost', self.key)}/K={self.options.get('k', 0)}"
        return [
            Cell(FAMILY, self.key, self.n, k, cell_seed(seed, f"{FAMILY}/{self.part}/{law}", self.n, k), self.options)
            for k in range(self.batches)
        ]


def equilibrium_design(scale: str) -> list[Batch]:
    """Everything that is measured at a scale."""
    sizes = SCALES[scale]
    return [
        *_games(sizes),
        *[Batch("counterexample", e.n_agents, 1, {"form": name}) for name, e in load_all().items()],
        *[Batch("quadratic", 2, 1, {"form": name}) for name in QUADRATIC],
        *_others(sizes),
    ]


def laws() -> list[tuple[str, str]]:
    """(cost, reference) of the design; the splittable relaxation of a makespan has many solutions: no speed_aware."""
    return [(c, r) for c in COSTS for r in REFERENCES if (c, r) != ("makespan", "speed_aware")]


def _games(sizes: Mapping[str, Any]) -> list[Batch]:
    made = []
    for cost, reference in laws():
        law = {"cost": cost, "reference": reference}
        for n, k in SIZES:
            if (n, k) != SIZE and reference != PRACTICAL:
                continue
            own = (n, k) == SIZE
            options = law | {"k": k, "fleets": sizes["batch"], "values": own}
            made.append(Batch("pure", n, sizes["pure" if own else "more"], options))
        if reference == SLIGHTLY:
            continue
        for k in (2, 3):  # two agents: alignment in simplex coordinates is decided exactly
            made.append(Batch("readings", 2, sizes["readings"], law | {"k": k, "fleets": sizes["batch"]}))
        if reference in (PERFECT, PRACTICAL):
            made += [Batch("mixed", 2, 1, law | {"k": k, "fleets": sizes["mixed"]}) for k in (2, 3)]
            made.append(Batch("mixed", 3, 1, law | {"k": 2, "fleets": sizes["mixed"] // 10}))  # costs more
        made.append(Batch("aligned", SIZE[0], 1, law | {"k": SIZE[1], "fleets": sizes["aligned"]}))
    return made


def _others(sizes: Mapping[str, Any]) -> list[Batch]:
    made = [
        Batch("team", n, 1, {"alignment": a, "bias": b, "fleets": sizes["teams"]}) for a, b in TEAMS for n in TEAM_SIZES
    ]
    made += [
        Batch("shift", n, 1, {"kind": kind, "fleets": sizes["shift"]})
        for kind, n in (("saddle", 2), ("entropy", 3), ("team", 20))
    ]
    made += [Batch("tradeoff", n, r, {"kind": kind}) for kind in ("team", "game") for n, r in sizes["tradeoff"].items()]
    return made


def cells_of(scale: str, seed: int, parts: Sequence[str]) -> list[Cell]:
    """Cells of the named parts."""
    return [cell for batch in equilibrium_design(scale) if batch.part in parts for cell in batch.cells(seed)]


DECLARED = (
    "Equilibria: small one-shot games, each enumerated on every joint action; fleets are i.i.d. draws of one law, "
    "the same fleets for every reference. Pure sets are compared without tolerance; 'every alpha' is decided from "
    "the exact interval of alphas of each joint action, its ends in fractions where they are close.",
    "Stationary means KKT on the product of simplices, which is Nash, certified by NashConv <= 1e-9 of the range, "
    "never by the gradient of logits. All mixed equilibria are known for two agents only; for three, differences "
    "can be seen and equality cannot.",
    "References: speed_aware is the optimum of the splittable relaxation of J; perfect replaces G by -cJ + const; "
    "shuffled gives each server the load meant for another. The practical reference is fluid; C2.2 leads with N = "
    "4, K = 3.",
    "Readings of alignment: at the points that exact ascent visits; at every profile in simplex coordinates; at every "
    "finite softmax theta. One exact counterexample refutes a reading; it is supported only beside a theorem, with no "
    "violation in at least 3 000 fleets.",
    "Games with entropy keep the entropy whole while J and G are mixed: J_alpha + tau H.",
    "The trade-off is read from closed forms: quadratic teams half-way to their optimum and games at uniform "
    "policies; the game's equilibrium is followed from that of J by best replies.",
)
