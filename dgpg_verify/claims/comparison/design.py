"""What is measured for C6 at each scale, fixed before any measurement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dgpg_verify.claims.comparison.methods import METHODS, MIXTURE, Compared
from dgpg_verify.claims.design import SCALES, Row
from dgpg_verify.claims.noise.design import GAME, noise_design
from dgpg_verify.claims.samples.design import ALIGNED, FLUID, THEORY, samples_design
from dgpg_verify.core import check_choice

FAMILY = "comparison"
NOISE, LEARNED = "noise", "noise/learned"
BUDGETS = {LEARNED: (512, 0), f"{LEARNED}/pilot like N": (0, 8)}  # roll-outs that learned parts are fitted to: a + b N
# what every other number is read with: grad J, the mixture's parts, the yardstick, and the bare score
BASES = ("return", "guidance", "difference", "score")


def is_learned(credit: str) -> bool:
    """Whether its weights come from a fitted model of the reward of joint actions."""
    return credit == "difference:learned" or ("@" in credit and not credit.endswith("@exact"))


_ALL = [method.credit for method in METHODS if method.credit not in ("", MIXTURE)]
CREDITS = tuple(dict.fromkeys([*BASES, *(name for name in _ALL if not is_learned(name))]))
LEARNED_CREDITS = tuple(dict.fromkeys([*BASES, "counterfactual@exact", *filter(is_learned, _ALL)]))
SYSTEM = "load_balancing"
FACTORS = (2.0, 4.0, 8.0, 16.0)  # gap at the start over eps
EPISODES = 2048  # joint samples of a run
EVERY = 32  # between looks at the gap: one update
MINIMUM_N = 8  # of the runs; the settings of small games are the same at all N
ALIKE_N = 4
CONTROL = Compared("mappo, shared", "MAPPO with shared parameters", "", learner="mappo", sharing="shared")  # of `alike`
CLOUD, CLOUD_HORIZON, CLOUD_EPISODES = "cloud", 100, 30  # as DG-PG is trained in the claims on training
# N -> fleets on the cloud, by scale: of all methods, and of those that use the analytical model or need no reference
CLOUD_SIZES: Mapping[str, Mapping[int, int]] = {"smoke": {}, "standard": {}, "full": {5: 5, 10: 5, 50: 5}}
LARGE_SIZES: Mapping[str, Mapping[int, int]] = {"smoke": {}, "standard": {}, "full": {200: 3}}
LARGE = ("dgpg/parts", "guidance_only", "expected_guidance", "residual_return", "expected_residual", "difference")
# N, draws and roll-outs of the credits with learned parts: seconds to minutes of fitting each
LEARNED_SIZES: Mapping[str, tuple[tuple[int, ...], int, int]] = {
    "smoke": ((8,), 1, 64),
    "standard": ((), 0, 0),
    "full": ((32, 64, 128, 256), 4, 1024),
}
# N of noise, their draws, roll-outs; N of learning, draws; repetitions of `alike`, their episodes
SIZES: Mapping[str, tuple[tuple[int, ...], int, int, tuple[int, ...], int, int, int]] = {
    "smoke": ((16, 32, 64, 128), 4, 128, (), 0, 2, 64),
    "standard": ((32, 64, 128, 256), 12, 512, (), 0, 0, 0),
    "full": ((128, 256, 512, 1024), 30, 1024, (8, 16, 32, 64), 5, 6, EPISODES),
}


def comparison_design(scale: str) -> list[Row]:
    """Rows of a scale. The mixtures' moments are exact: they are read from the row of the game that C1 measures;
    samples to a gap from rows of C3. How methods learn is measured at full scale; a few short runs at the smallest."""
    check_choice("scale", scale, SCALES)
    n_noise, draws, rollouts, n_learning, fleets, repetitions, episodes = SIZES[scale]
    learners = [method for method in METHODS if method.learner]
    wanted = {name(method) for method in METHODS for name in (recursion_row, limit_row)}
    # a few short runs are too noisy for a control that must fail
    alike = [*learners, CONTROL] if episodes == EPISODES else learners if repetitions else []
    return [
        *noise_design(scale, [GAME]),
        *(row for row in samples_design(scale, ["run", "floor"]) if row.key in wanted),
        _noise(NOISE, CREDITS, dict.fromkeys(n_noise, draws), rollouts),
        *_learned_noise(scale),
        *(_learning(method, dict.fromkeys(n_learning, fleets)) for method in learners if n_learning),
        *(_alike(method, repetitions, episodes) for method in alike),
        *(row for method in learners if method.cloud for row in _clouds(method, scale)),
    ]


def recursion_row(method: Compared) -> str:
    """The row of C3 with the samples of the method, by the theory's step on teams with J = -cG + const."""
    return f"run/{ALIGNED}/{method.recursion}/{THEORY}"


def limit_row(method: Compared) -> str:
    """The row of C3 with where the method comes to rest in the game, with the game's own reference."""
    return f"floor/{FLUID}/{method.recursion}"


def _noise(key: str, credits: Sequence[str], n_values: Mapping[int, int], rollouts: int, **more: Any) -> Row:
    asked = {
        "system": SYSTEM, "options": {}, "credits": list(credits), "rollouts": rollouts, "part": NOISE,
        "policy": "uniform", **more,
    }  # fmt: skip
    return Row(FAMILY, key, n_values, asked, stream=f"{FAMILY}/{NOISE}", notes={"graph": "sparse"})


def _learned_noise(scale: str) -> list[Row]:
    n_values, draws, rollouts = LEARNED_SIZES[scale]
    learned = [name for name in LEARNED_CREDITS if is_learned(name)]
    return [
        _noise(key, LEARNED_CREDITS, dict.fromkeys(n_values, draws), rollouts, fitted_to=list(budget), learned=learned)
        for key, budget in BUDGETS.items()
        if n_values
    ]


def _learning(method: Compared, n_values: Mapping[int, int]) -> Row:
    return _trained("learning", method, n_values, {"episodes": EPISODES, "every": EVERY, "factors": list(FACTORS)})


def _alike(method: Compared, repetitions: int, episodes: int) -> Row:
    return _trained("alike", method, {ALIKE_N: repetitions}, {"episodes": episodes})


def _clouds(method: Compared, scale: str) -> list[Row]:
    n_values = {**CLOUD_SIZES[scale], **(LARGE_SIZES[scale] if method.id in LARGE else {})}
    more = {"system": CLOUD, "options": {"horizon": CLOUD_HORIZON}, "episodes": CLOUD_EPISODES}
    return [_trained("cloud", method, n_values, more)] if n_values else []


def _trained(part: str, method: Compared, n_values: Mapping[int, int], more: Mapping[str, Any]) -> Row:
    """A method learns; all methods meet the same draws at equal (N, draw)."""
    changes = dict(method.changes)
    if method.teacher and part != "cloud":
        changes["heuristic"] = "random" if part == "alike" else method.teacher  # no rule tells the alike apart
    options = {
        "part": part, "system": SYSTEM, "options": {}, "method": method.learner, "changes": changes,
        "sharing": method.sharing, **more,
    }  # fmt: skip
    notes = {"minimum_n": MINIMUM_N, "method": method.id}
    return Row(FAMILY, f"{part}/{method.id}", n_values, options, stream=f"{FAMILY}/{part}", notes=notes)
