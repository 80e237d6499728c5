"""What is measured for C3.1, C3.2 and A4 at each scale: systems, methods, steps, sizes, accuracies, which rows lead.

Declared before measuring. One cell is one system, method and step rule at one N, with all its fleets as one batch.
Equal (law, N) gives the same fleets for every method and step, and other noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dgpg_verify.claims.registry import cell_seed
from dgpg_verify.core import Cell
from dgpg_verify.samples import FACTORS

FAMILY = "complexity"
# alignment 1 and no bias: J = -cG + const, so that every alpha has the optimum of J
LAWS: Mapping[str, Mapping[str, Any]] = {
    "team/aligned": {"alignment": 1.0, "bias": 0.0},
    "team/biased": {"alignment": 0.5, "bias": 0.3},
    "game/fluid": {"reference": "fluid"},
    "game/biased": {"reference": "biased:0.3"},
    "game/plain": {"reference": "fluid"},
}
ALIGNED, FLUID, PLAIN, CLOUD = "team/aligned", "game/fluid", "game/plain", "cloud"
RETURN, MAPPO = "return", "mappo"
RULES = ("guided:optimal", "guided:sqrt", "guided:published", "guided:0.2")  # of C3.2, in its primary rows
FIXED = ("guided:0.4", "guided:0.6", "guided:0.8")
MIXED = "mixed:0.2"  # J as a mean and G as a sum at alpha = 0.2: on sums alpha N / (alpha N + 1 - alpha)
BESIDE = ("difference", "guidance", *FIXED, "guided:zero", "guided:0.2@difference", MIXED)
GAME_FLOORS = (*RULES, *FIXED, "guidance", "guidance:exact", "guided:zero", "difference")
THEORY, GREEDY, TUNED, ADAM = "theory", "greedy", "tuned", "adam"
WIDE = "wide"  # the same at one eps and larger N, where every eps would take too long
# Cloud scheduling, where the gap is estimated: shared return with a critic, guidance alone, DG-PG as published
CLOUD_METHODS = (MAPPO, "guidance_only", "dgpg")
CLOUD_FACTORS = (2.5, 5.0, 10.0, 20.0)  # gap0 to Best-Fit over eps: scores of 0.6, 0.8, 0.9, 0.95 from a start at 0
CLOUD_FLEETS, CLOUD_HORIZON = 6, 40  # of six one may never arrive
TUNED_METHODS = (RETURN, "guided:optimal", "guided:0.2")
FLEETS, PILOTS = 16, 4  # fleets a cell: what the error rates of the fits are measured for; pilot fleets of `tuned`
SHARE = 0.99  # of fleets that must reach every eps
# Fleets of the leading rows on teams and in the game, raised where a first run had left them undecided: see DECLARED.
# On teams the N of full scale, to 1 024, tell more than many fleets do at standard.
LEADING = {"smoke": FLEETS, "standard": 40, "full": FLEETS}
GAME_FLEETS = {"smoke": FLEETS, "standard": FLEETS, "full": 20}
CONTROL_N = (32, 64, 128, 256)  # of the controls, which cost little
CONTROL_P = {"growing": 1.0, "constant": 0.0}  # variance an agent of the noise they add, as a power of N
# What each scale holds. n: of teams; coarse: factors of rows beside; game_n, game_factors: of the shared return, which
# is slow there; cheap_n: of the difference reward in the game; floor_n: floors.
SCALES: Mapping[str, Mapping[str, Any]] = {
    "smoke": {"n": (8, 16), "factors": 3, "coarse": 3, "beside_n": (8,), "second_n": (8,),
              "game_n": (4, 8), "game_factors": 1, "cheap_n": (4, 8), "cheap_factors": 2, "floor_n": (8, 12),
              "floor_budget": 200, "plain_n": (8,), "plain_budget": 200, "errors": 300, "stride": 12, "coverage": 40,
              "teams": 6, "copies": 50, "constants_n": (8, 16, 32, 64), "game_constants_n": (4, 8),
              "wide_n": (), "cloud_n": ()},
    "standard": {"n": (8, 16, 32, 64, 128, 192), "factors": 7, "coarse": 4, "beside_n": (8, 32, 48, 64, 96),
                 "second_n": (8, 32, 48, 64, 96), "game_n": (8, 32, 40, 48, 64), "game_factors": 1,
                 "cheap_n": (8, 32, 48, 64, 96), "cheap_factors": 5, "floor_n": (8, 16, 32, 64), "floor_budget": 2000,
                 "plain_n": (8, 32), "plain_budget": 2000, "errors": 300, "stride": 1, "coverage": 200,
                 "teams": 12, "copies": 400,
                 "constants_n": (8, 16, 32, 64, 128, 256, 512), "game_constants_n": (8, 32, 48, 64, 96),
                 "wide_n": (), "cloud_n": ()},
    "full": {"n": (8, 16, 32, 64, 128, 256, 512, 1024), "factors": 7, "coarse": 7,
             "beside_n": (8, 16, 32, 64, 128, 256), "second_n": (8, 32, 64, 128, 192),
             "game_n": (8, 32, 48, 64, 96, 128), "game_factors": 5,
             "cheap_n": (8, 16, 32, 64, 128, 256, 512, 1024), "cheap_factors": 7,
             "floor_n": (8, 16, 32, 64, 128), "floor_budget": 10_000, "plain_n": (8, 32, 128),
             "plain_budget": 20_000, "errors": 1000, "stride": 1, "coverage": 200, "teams": 24, "copies": 1000,
             "constants_n": (8, 16, 32, 64, 128, 256, 512, 1024), "game_constants_n": (8, 16, 32, 64, 128, 256),
             "wide_n": (128, 256, 512, 1024), "cloud_n": (32, 40, 48, 64), "cloud_methods": CLOUD_METHODS,
             "cloud_episodes": 18},
}  # fmt: skip


@dataclass(frozen=True)
class Batch:
    """One kind of measurement at one N.

    part: "run", "cloud", "floor", "control", "constants", "plain", "expected", "errors";
    subject: system, method and step, or what is controlled; options: all that the measurement needs beside N.
    """

    part: str
    subject: tuple[str, ...]
    n: int
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return "/".join([self.part, *self.subject])

    def cell(self, seed: int) -> Cell:
        # the seed is that of the law: equal laws hold the same fleets, the noise has the method in its key
        law = str(self.options.get("law", self.key))
        return Cell(FAMILY, self.key, self.n, 0, cell_seed(seed, f"{FAMILY}/{law}", self.n, 0), self.options)


def complexity_design(scale: str) -> list[Batch]:
    """Everything that is measured at a scale."""
    sizes = SCALES[scale]
    lead = [*_teams(sizes, LEADING[scale]), *_games(sizes, GAME_FLEETS[scale])]
    return [*lead, *_seconds(sizes), *_cloud(sizes), *_others(sizes)]


def _run(law: str, method: str, step: str, n: int, factors: int, **more: Any) -> Batch:
    return Batch("run", (law, method, step), n, _options(law, method, step, factors) | more)


def _options(law: str, method: str, step: str, factors: int) -> dict[str, Any]:
    return {"law": law, "method": method, "step": step, "fleets": FLEETS, "factors": list(FACTORS[:factors])}


def _teams(sizes: Mapping[str, Any], leading: int) -> list[Batch]:
    """The theory's step on teams: primary rows, other credits, and where the reference is biased."""
    lead = [(m, n) for m in (RETURN, *RULES) for n in sizes["n"]]
    made = [_run(ALIGNED, m, THEORY, n, sizes["factors"], fleets=leading) for m, n in lead]
    made += [_run(ALIGNED, m, THEORY, n, sizes["coarse"]) for m in BESIDE for n in sizes["beside_n"]]
    biased = [(m, n) for m in (RETURN, *RULES, *FIXED, "difference", "guidance") for n in sizes["floor_n"]]
    return made + [_run("team/biased", m, THEORY, n, 7, budget=sizes["floor_budget"]) for m, n in biased]


def _seconds(sizes: Mapping[str, Any]) -> list[Batch]:
    """Other steps on aligned teams: the greedy oracle and the tuned schedule."""
    greedy = [_run(ALIGNED, m, GREEDY, n, sizes["coarse"]) for m in (RETURN, *RULES) for n in sizes["second_n"]]
    tuned = [
        _run(ALIGNED, m, TUNED, n, sizes["coarse"], pilots=PILOTS) for m in TUNED_METHODS for n in sizes["second_n"]
    ]
    return greedy + tuned


def _games(sizes: Mapping[str, Any], leading: int) -> list[Batch]:
    made = [_run(FLUID, RETURN, THEORY, n, sizes["game_factors"], fleets=leading) for n in sizes["game_n"]]
    made += [
        Batch("run", (FLUID, RETURN, THEORY, WIDE), n, _options(FLUID, RETURN, THEORY, 1) | {"grid": WIDE})
        for n in sizes["wide_n"]
    ]
    made += [_run(FLUID, "difference", THEORY, n, sizes["cheap_factors"]) for n in sizes["cheap_n"]]
    for law in (FLUID, "game/biased"):
        for n in sizes["floor_n"]:
            made += [Batch("floor", (law, m), n, _floor(law, m)) for m in GAME_FLOORS]
        small = sizes["floor_n"][0]
        made += [_run(law, m, THEORY, small, 7, budget=sizes["floor_budget"]) for m in RULES]
    for n in sizes["plain_n"]:
        made += [
            Batch("plain", (PLAIN, m), n, _floor(PLAIN, m) | {"budget": sizes["plain_budget"]})
            for m in (RETURN, "difference")
        ]
    return made


def _cloud(sizes: Mapping[str, Any]) -> list[Batch]:
    """Trained policies, their gap to Best-Fit estimated on held-out workloads."""
    options = {"law": CLOUD, "step": ADAM, "fleets": CLOUD_FLEETS, "factors": list(CLOUD_FACTORS),
               "horizon": CLOUD_HORIZON, "episodes": sizes.get("cloud_episodes")}  # fmt: skip
    return [
        Batch("cloud", (method,), n, options | {"method": method})
        for n in sizes["cloud_n"]
        for method in sizes["cloud_methods"]
    ]


def _floor(law: str, method: str) -> dict[str, Any]:
    return {"law": law, "method": method, "fleets": FLEETS, "factors": list(FACTORS)}


def _others(sizes: Mapping[str, Any]) -> list[Batch]:
    made = [Batch("control", (kind,), n, {"law": ALIGNED, "kind": kind, "fleets": FLEETS, "factors": list(FACTORS[:3])})
            for kind in (*CONTROL_P, "biased") for n in CONTROL_N]  # fmt: skip
    options = {"teams": sizes["teams"], "copies": sizes["copies"]}
    made += [Batch("expected", (name,), 6, options | {"credit": name}) for name in EXPECTED]
    made += [Batch("errors", (kind,), FLEETS, {"kind": kind, "repetitions": sizes["errors"], "stride": sizes["stride"],
             "configurations": sizes["coverage"]}) for kind in ("rates", "faulty", "coverage")]  # fmt: skip
    for law, sizes_of_n in ((ALIGNED, sizes["constants_n"]), (FLUID, sizes["game_constants_n"])):
        made += [Batch("constants", (law,), n, {"law": law, "fleets": FLEETS}) for n in sizes_of_n]
    return made


EXPECTED = ("return", "difference", "guidance", "guided", "guided@difference")  # curves checked against the recursion


def cells_of(scale: str, seed: int, parts: Sequence[str]) -> list[Cell]:
    """Cells of the named parts."""
    return [batch.cell(seed) for batch in complexity_design(scale) if batch.part in parts]


DECLARED = (
    "Samples: the per-agent gap (J* - J) / N is exact at every checkpoint; eps is a share of each fleet's gap at the "
    "start, 1/10 to 1/300. n_eps is the first checkpoint from which the gap stays at or below eps until twice as many "
    "joint samples; runs that never get there are censored, never dropped. One step costs one roll-out.",
    "Steps: the theory's schedule 2 / (mu (k + k0)), k0 = 2 Lbar / mu, with Lbar = (1 - alpha)^2 tr A + 3 lambda_max "
    "where the shared return is in the credit and 3 lambda_max where it is not. The baseline of the return is the "
    "exact J. Alpha and the constants are refreshed at checkpoints, at most 5 % apart.",
    "Rules for alpha: published falls from 0.9 to 0.2 over the first 1 000 joint samples whatever N; alpha* minimises "
    "the variance at the present state (an oracle); sqrt is 1 - N^-1/2; zero is 1000 / (samples + 1000).",
    "Games with entropy: jobs cut at 2, temperature 16 in every fleet and at every N, entropy kept whole at every "
    "alpha; mu and L are measured in the logits along the noise-free run. Plain softmax games are shown, without a "
    "verdict on q.",
    "The game with the shared return: eps from gap0/10, at full scale to gap0/100 up to N = 128; at larger N gap0/10 "
    "alone, in a row of its own (wide).",
    "Cloud scheduling (at full scale): MAPPO, guidance alone and DG-PG as published "
    "(sums) with the trainer's settings, 6 fleets, 18 episodes of 40 steps, an episode is a joint sample. The gap is "
    "that to Best-Fit, estimated on 20 held-out workloads after every episode: eps, from gap0/2.5 to gap0/20, is a "
    "share of a score and no distance to an optimum. Arrivals after episode 9 cannot be confirmed and are censored; "
    "fleets on which Best-Fit does not beat Random are passed over.",
    "Fleets: 16 in a row, but 40 in the leading rows on teams at standard scale, whose first run (seed 0) had left "
    "several undecided with 16, and 20 in that of the game at full scale, whose first run (seed 4) had left its p "
    "undecided with 16 fleets and N to 96. The committed reports have seeds first drawn after these changes; a run "
    "with seed 5, between the two, is not shown: its game had too few eps for q.",
)
