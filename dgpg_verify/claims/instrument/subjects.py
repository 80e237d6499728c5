"""The systems that A0.5 measures: teams whose noise is planted, so that it is known at every N.

Each agent has two actions, of sign s = +1 or -1, and all play both alike. With psi = s u, |u|^2 = 1/2, and scale m,

    reward   = sqrt(m) (own sum_j s_j + common xi)
    state    x_i = m^(1/4) (pull eta_i + s_i), of which the agent's own part is z_i = m^(1/4) s_i; reference m^(1/4)
    return   g_i = sqrt(m) (own sum_j s_j + common xi) s_i u,    variance m (own^2 (N - 1) + common^2) / 2
    guidance g_i = -sqrt(m) (pull eta_i + s_i - 1) u,            variance m (1 + pull^2) / 2

where xi and eta_i are independent, with mean 0 and variance 1. Signals are m own^2 / 2 and m / 2, so that the
noise-to-signal ratio of the guidance is 1 + pull^2, and the two gradients are not correlated.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import torch
from scipy import special
from torch import Tensor

from dgpg_verify.core import Influence, InputError, Observation, Transition, check_choice

TAILS = ("normal", "student")  # student: 3 degrees of freedom, whose fourth moment does not exist
FREEDOM = 3.0


@dataclass(frozen=True)
class PlantedState:
    """The environment's noise: common [B], background [B, N]."""

    common: Tensor
    background: Tensor


@dataclass(frozen=True)
class PlantedNoise:
    """A team as above; own, common, pull >= 0, scale > 0; tail: the law of xi and eta. Cost of a step: O(B N)."""

    n_agents: int
    own: float
    common: float
    pull: float
    scale: float = 1.0
    tail: str = "normal"

    n_actions = 2
    horizon = 1
    discount = 1.0

    def __post_init__(self) -> None:
        check_choice("tail", self.tail, TAILS)

    @classmethod
    def fleet(
        cls, n_agents: int, seed: int, variance: float, ratio: float, own: float, tail: str, fleets: str, spread: float
    ) -> Self:
        """The team of one fleet, whose log scale is `spread` times a draw of the law `fleets`.

        Parameters
        ----------
        variance : of an agent's return gradient at scale 1; at least own^2 (N - 1) / 2, which the others' actions make.
        ratio : noise to signal of the guidance, at least 1.

        Raises
        ------
        InputError : a variance or a ratio below what the actions alone make.
        """
        least = own**2 * (n_agents - 1) / 2
        if variance < least or ratio < 1.0:
            raise InputError(f"variance = {variance:g}, ratio = {ratio:g}: they must be at least {least:g} and 1")
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
        drawn = rng.standard_normal() if check_choice("fleets", fleets, TAILS) == "normal" else rng.standard_t(FREEDOM)
        common, pull = np.sqrt(2.0 * (variance - least)), np.sqrt(ratio - 1.0)
        return cls(n_agents, own, float(common), float(pull), float(np.exp(spread * drawn)), tail)

    @property
    def state_size(self) -> int:
        return self.n_agents

    @property
    def noise_size(self) -> int:
        return 1 + self.n_agents

    def start(self, noise: Tensor) -> PlantedState:
        drawn = self._standard(noise[:, 0])
        return PlantedState(self.common * drawn[:, 0], self.scale**0.25 * self.pull * drawn[:, 1:])

    def _standard(self, uniforms: Tensor) -> Tensor:
        """Numbers of mean 0 and variance 1."""
        if self.tail == "normal":
            return torch.special.ndtri(uniforms)
        return torch.as_tensor(special.stdtrit(FREEDOM, uniforms.numpy()) / np.sqrt(FREEDOM / (FREEDOM - 2.0)))

    def observe(self, state: PlantedState) -> Observation:
        shape = (len(state.common), self.n_agents, self.n_actions)
        yes = torch.ones((), dtype=torch.bool)
        return Observation(torch.zeros(*shape, 1, dtype=torch.float64), yes.expand(shape), yes.expand(shape[:2]))

    def step(self, state: PlantedState, actions: Tensor) -> Transition:
        sign = torch.where(actions < 0, 0.0, 1.0 - 2.0 * actions.double())  # an agent that does not act adds nothing
        unit, agents = self.scale**0.25, torch.arange(self.n_agents).expand(actions.shape)
        return Transition(
            next_state=state,
            reward=unit**2 * (self.own * sign.sum(-1) + state.common),
            x_observed=state.background,
            x=state.background + unit * sign,
            reference=torch.full(actions.shape, unit, dtype=torch.float64),
            influence=Influence(agents[..., None], unit * sign[..., None]),
            done=torch.ones(len(actions), dtype=torch.bool),
        )

    def config(self) -> dict[str, Any]:
        return {"system": "planted_noise", **asdict(self)}
