"""Three small fleets and quick runs of them, for the tests of training together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dgpg_verify.systems import CloudScheduling
from dgpg_verify.training import make_method, train_together
from dgpg_verify.training.team import Team, make_team

N, T, SEEDS = 4, 8, (11, 3, 7)
FLEETS = [CloudScheduling(N, seed=seed, horizon=T) for seed in (1, 2, 5)]
RATE, EPOCHS, EPISODES = 0.01, 2, 4
QUICK: dict[str, Any] = {"episodes": EPISODES, "workloads": 3, "evaluate_every": 4, "progress": False}
QUICK |= {"hidden": 8, "epochs": EPOCHS, "actor_lr": RATE, "critic_lr": RATE}


def together(method: str, fleets: Sequence[Any] = FLEETS, seeds: Sequence[int] = SEEDS, **more: Any) -> list[Any]:
    return train_together(fleets, method, seeds=seeds, **{**QUICK, **more})


def team_of(method: str, sharing: str = "independent", rollouts: int = 2) -> Team:
    chosen = make_method(method)
    settings = chosen.settings({"hidden": 8, "epochs": EPOCHS, "rollouts": rollouts})
    return make_team(FLEETS, chosen, settings, chosen.alpha, sharing, SEEDS)  # type: ignore[arg-type]
