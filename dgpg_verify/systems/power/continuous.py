"""Power dispatch with any output in place of levels: Gaussian policies, and so a closed form for every moment.

An action is the deviation of a generator's output from its usual one, the middle between its least and its largest
output, at which drawn generators meet the demand. Outputs are not held within their limits, for a Gaussian has none. x
holds each generator's deviation and, last, that of the balance, (sum of outputs - demand) / unit as in
`power_dispatch.py`, times the square root of its weight in the distance; a quadratic fuel cost and a quadratic penalty
make J that of a linear-quadratic team, up to a constant.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from dgpg_verify.systems.linear_quadratic import LinearQuadraticTeam
from dgpg_verify.systems.power.power_dispatch import PowerDispatch


@dataclass(frozen=True, eq=False)
class ContinuousDispatch(LinearQuadraticTeam):
    """The team: Z = [I; sqrt(W) / unit], weights [q; beta unit^2 / W], optimum [-b / q - usual; the lack of balance at
    the usual outputs], reference [dispatch - usual; its balance]."""

    inputs: dict[str, dict[str, str]] | None = None

    kind = "power_dispatch:continuous"

    @classmethod
    def random(  # type: ignore[override]
        cls, n_agents: int, seed: int = 0, beta: float = 1.0, normalised: bool = False, gamma: float = 0.0,
        reference: str = "optimum", case: str | None = None,
    ) -> ContinuousDispatch:  # fmt: skip
        """The generators that `PowerDispatch.random` gives for these options, drawn or from a file.

        Raises InputError where that does. Cost O(N).
        """
        game = PowerDispatch.random(
            n_agents, seed, beta=beta, normalised=normalised, gamma=gamma, reference=reference, case=case
        )
        assert game.recipe is not None
        recipe = {name: value for name, value in game.recipe.items() if name != "n_levels"}
        return cls(**_parts(game), recipe=recipe, inputs=game.inputs)


def _parts(game: PowerDispatch) -> dict[str, torch.Tensor]:
    n, root = game.n_agents, game.balance_weight.sqrt()
    usual = 0.5 * (game.levels.amin(1) + game.levels.amax(1))
    lack = (game.demand - usual.sum()) / game.unit
    outputs, balance = game.reference_state[:n], game.reference_state[n]
    agents = torch.arange(n)
    return {
        "index": torch.stack([agents, torch.full_like(agents, n)], dim=1),
        "value": torch.stack([torch.ones_like(usual), (root / game.unit).expand(n)], dim=1),
        "weights": torch.cat([game.quadratic, (game.beta * game.unit**2 / game.balance_weight)[None]]),
        "optimum": torch.cat([-game.linear / game.quadratic - usual, (root * lack)[None]]),
        "reference_state": torch.cat([outputs - usual, (root * (balance + lack))[None]]),
    }
