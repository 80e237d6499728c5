"""What is measured for C3 and A4 at each scale: systems, methods, steps, sizes, accuracies, which rows lead.

Declared before measuring. One cell is one system, method and step rule at one N, with all its fleets as one batch.
Equal (law, N) gives the same fleets for every method and step, and other noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.samples.measure.laws import GREEDY, PLAIN, THEORY, TUNED
from dgpg_verify.samples import FACTORS, SCALED

FAMILY = "complexity"
ALIGNED, FLUID, CLOUD = "team/aligned", "game/fluid", "cloud"
RETURN, MAPPO = "return", "mappo"
RULES = ("guided:optimal", "guided:sqrt", "guided:published", "guided:0.2")  # of C3.2, in its primary rows
# The same on the scales of the leading readings. alpha* and N^-1/2 are rules for the share itself, on sums.
SCALED_RULES = tuple(f"{setting}:{rule}" for setting in SCALED for rule in ("published", "0.2"))
FIXED = ("guided:0.4", "guided:0.6", "guided:0.8")
DECIDING = (*RULES, *SCALED_RULES)  # of DG-PG, in primary rows
BESIDE = ("difference", "guidance", *FIXED, "guided:zero", "guided:0.2@difference")
FLOORS = (*DECIDING, *FIXED, "guidance", "guidance:exact", "guided:zero", "difference", RETURN)
ADAM = "adam"
WIDE = "wide"  # the same at one eps and larger N, where every eps would take too long
# Cloud scheduling, where the gap is estimated: shared return with a critic, guidance alone, the replayed difference
# reward, DG-PG with the published schedule on sums and in two leading settings
CLOUD_METHODS = (MAPPO, "guidance_only", "difference_replay", "dgpg", "dgpg/parts", "dgpg/both")
CLOUD_FACTORS = (2.5, 5.0, 10.0, 20.0)  # gap0 to Best-Fit over eps: scores of 0.6, 0.8, 0.9, 0.95 from a start at 0
CLOUD_FLEETS, CLOUD_HORIZON = 6, 40  # of six one may never arrive
TUNED_METHODS = (RETURN, "guided:optimal", "guided:0.2")
FLEETS, PILOTS = 16, 4  # fleets a cell: what the error rates of the fits are measured for; pilot fleets of `tuned`
SHARE = 0.99  # of fleets that must reach every eps
# Fleets of the leading rows on teams and in the game, raised where a first run had left them undecided: see
# claims/declared/samples.md. On teams the N of full scale, to 1 024, tell more than many fleets do at standard.
LEADING = {"smoke": FLEETS, "standard": 40, "full": FLEETS}
GAME_FLEETS = {"smoke": FLEETS, "standard": FLEETS, "full": 20}
CONTROL_N = (32, 64, 128, 256)  # of the controls, which cost little
CONTROLS = ("growing", "constant", "biased")
# What each scale holds. n: of teams; coarse: factors of rows beside; game_n, game_factors: of the shared return, which
# is slow there; cheap_n: of the difference reward in the game; floor_n: floors.
SCALES: Mapping[str, Mapping[str, Any]] = {
    "smoke": {"n": (8, 16), "factors": 3, "coarse": 3, "beside_n": (8,), "second_n": (8,),
              "game_n": (4, 8), "game_factors": 1, "cheap_n": (4, 8), "cheap_factors": 2, "floor_n": (8, 12),
              "floor_budget": 200, "plain_n": (8,), "plain_budget": 200, "errors": 300, "stride": 12, "coverage": 40,
              "teams": 6, "copies": 50, "constants_n": (8, 16, 32, 64), "game_constants_n": (4, 8),
              "wide_n": (), "cloud_n": ()},
    "standard": {"n": (8, 32, 48, 64, 128), "factors": 7, "coarse": 4, "beside_n": (8, 32, 48, 64, 96),
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
             "wide_n": (128, 256, 512, 1024), "cloud_n": (32, 40, 48, 64), "cloud_episodes": 18},
}  # fmt: skip


ERRORS = ("rates", "faulty", "coverage")
EXPECTED = ("return", "difference", "guidance", "guided", "guided@difference")  # curves checked against the recursion


def samples_design(scale: str, parts: Sequence[str]) -> list[Row]:
    """The rows of the named parts: "run", "limit", "cloud", "floor", "control", "constants", "plain", "expected",
    "errors"."""
    sizes = SCALES[scale]
    rows = [*_teams(sizes, LEADING[scale]), *_games(sizes, GAME_FLEETS[scale]), *_seconds(sizes), *_others(sizes)]
    return [row for row in rows if row.n_values and row.notes["part"] in parts]


def samples_row(kind: str, subject: tuple[str, ...], n_values: Iterable[int], options: Mapping[str, Any]) -> Row:
    """One kind of measurement; subject: system, method and step, or what is controlled. One cell per N, with all its
    fleets as one batch. Equal laws hold the same fleets: the noise has the method in its key. Runs within a budget,
    which show where a method comes to rest, are a part of their own."""
    part = "limit" if kind == "run" and "budget" in options else kind
    key = "/".join([kind, *subject])
    stream = f"{FAMILY}/{options.get('law', key)}"
    return Row(FAMILY, key, dict.fromkeys(n_values, 1), options, stream=stream, notes={"part": part})


def _runs(law: str, methods: Iterable[str], step: str, n_values: Iterable[int], factors: int, **more: Any) -> list[Row]:
    """Learning runs of several methods with the first so many accuracies."""
    return [samples_row("run", (law, m, step), n_values, _options(law, m, factors, step=step) | more) for m in methods]


def _options(law: str, method: str, factors: int = len(FACTORS), **more: Any) -> dict[str, Any]:
    return {"law": law, "method": method, **more, "fleets": FLEETS, "factors": list(FACTORS[:factors])}


def _teams(sizes: Mapping[str, Any], leading: int) -> list[Row]:
    """The theory's step on teams: primary rows, other credits, and where the reference is biased."""
    biased = (RETURN, *RULES, *SCALED_RULES, *FIXED, "difference", "guidance")
    return [
        *_runs(ALIGNED, (RETURN, *RULES, *SCALED_RULES), THEORY, sizes["n"], sizes["factors"], fleets=leading),
        *_runs(ALIGNED, BESIDE, THEORY, sizes["beside_n"], sizes["coarse"]),
        *_runs("team/biased", biased, THEORY, sizes["floor_n"], len(FACTORS), budget=sizes["floor_budget"]),
    ]


def _seconds(sizes: Mapping[str, Any]) -> list[Row]:
    """Other steps on aligned teams, the greedy oracle and the tuned schedule; and trained policies on the cloud, their
    gap to Best-Fit estimated on held-out workloads."""
    n_values, factors = sizes["second_n"], sizes["coarse"]
    trained = {"law": CLOUD, "step": ADAM, "fleets": CLOUD_FLEETS, "factors": list(CLOUD_FACTORS),
               "horizon": CLOUD_HORIZON, "episodes": sizes.get("cloud_episodes")}  # fmt: skip
    return [
        *_runs(ALIGNED, (RETURN, *RULES), GREEDY, n_values, factors),
        *_runs(ALIGNED, TUNED_METHODS, TUNED, n_values, factors, pilots=PILOTS),
        *(samples_row("cloud", (m,), sizes["cloud_n"], trained | {"method": m}) for m in CLOUD_METHODS),
    ]


def _games(sizes: Mapping[str, Any], leading: int) -> list[Row]:
    wide = _options(FLUID, RETURN, 1, step=THEORY) | {"grid": WIDE}
    rows = [
        *_runs(FLUID, (RETURN,), THEORY, sizes["game_n"], sizes["game_factors"], fleets=leading),
        samples_row("run", (FLUID, RETURN, THEORY, WIDE), sizes["wide_n"], wide),
        *_runs(FLUID, ("difference",), THEORY, sizes["cheap_n"], sizes["cheap_factors"]),
    ]
    smallest, budget, plain = sizes["floor_n"][:1], sizes["floor_budget"], {"budget": sizes["plain_budget"]}
    for law in (FLUID, "game/biased"):
        rows += [samples_row("floor", (law, m), sizes["floor_n"], _options(law, m)) for m in FLOORS]
        rows += _runs(law, RULES, THEORY, smallest, len(FACTORS), budget=budget)
    without = [(m, _options(PLAIN, m) | plain) for m in (RETURN, "difference")]
    return [*rows, *(samples_row("plain", (PLAIN, m), sizes["plain_n"], options) for m, options in without)]


def _others(sizes: Mapping[str, Any]) -> list[Row]:
    """Controls, oracle checks, error rates of the fits, and the constants behind the rate."""
    noise = {"law": ALIGNED, "fleets": FLEETS, "factors": list(FACTORS[:3])}
    exact = {"teams": sizes["teams"], "copies": sizes["copies"]}
    errors = {"repetitions": sizes["errors"], "stride": sizes["stride"], "configurations": sizes["coverage"]}
    laws = {ALIGNED: sizes["constants_n"], FLUID: sizes["game_constants_n"]}
    return [
        *(samples_row("control", (kind,), CONTROL_N, noise | {"kind": kind}) for kind in CONTROLS),
        *(samples_row("expected", (name,), (6,), exact | {"credit": name}) for name in EXPECTED),
        *(samples_row("errors", (kind,), (FLEETS,), errors | {"kind": kind}) for kind in ERRORS),
        *(samples_row("constants", (law,), n, {"law": law, "fleets": FLEETS}) for law, n in laws.items()),
    ]
