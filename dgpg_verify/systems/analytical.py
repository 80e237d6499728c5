"""A model of one's own: the state as a torch function of all actions, and the reference. Guidance follows from these.

z of a discrete action is its contribution x(a) - x(a without a_i), by evaluating the state again; z of a continuous one
is the derivative times the deviation from a default. Where contributions do not depend on what the others do, the model
and a reward make a `ResourceGame`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from dgpg_verify.core import Influence, InputError, check_int
from dgpg_verify.core.noise import generator
from dgpg_verify.systems.jacobian import action_influence, dense_influence
from dgpg_verify.systems.one_shot import GameState, check_vectors
from dgpg_verify.systems.resource_game import ResourceGame, check_additions

PROFILES = 32  # random joint actions on which a state is compared with the sum of what actions add alone
TOLERANCE = 1e-6  # relative to what is added up; a state in float32 rounds by 1e-7
CHUNK = 1024  # joint actions evaluated at once
F64 = torch.float64


@dataclass(frozen=True, eq=False)
class AnalyticalModel:
    """x(a) and x~, all that guidance needs.

    Parameters
    ----------
    state : actions of one roll-out -> x [D]. Discrete actions are int64 [N], continuous ones float64 [N]. Torch code
        that `torch.func.vmap` can map: no branch on a value, no `.item()`.
    reference : x~ [D], or a function that gives it from x [D] when nobody acts, which is exogenous.
    absent : the discrete action that stands for taking no part. -1, which `state` must know then, or the number of an
        action that adds nothing.

    Methods raise InputError where `state` or `reference` fails or has another shape.
    """

    state: Callable[[Tensor], Tensor]
    reference: Tensor | Callable[[Tensor], Tensor]
    absent: int = -1

    def states(self, actions: Tensor) -> Tensor:
        """x of joint actions [B, N]: [B, D] float64."""
        found = _mapped("state(actions)", self.state, actions)
        if found.ndim != 2:
            raise InputError(f"state(actions) has shape {list(found.shape[1:])}: it must be x [D] of one roll-out")
        return found

    def reference_state(self, idle: Tensor) -> Tensor:
        """x~ [D], given x [D] when nobody acts."""
        value = self.reference(idle) if callable(self.reference) else self.reference
        found = torch.as_tensor(value, dtype=F64)
        if found.shape != idle.shape:
            raise InputError(f"reference has shape {list(found.shape)}: it must be that of x, [D] = {list(idle.shape)}")
        return found

    def influence(self, actions: Tensor, default: Tensor | None = None) -> Influence:
        """z of every agent, all D coordinates: [B, N, D].

        Parameters
        ----------
        actions : [B, N], int64; float64 where a default is given.
        default : of continuous actions, float64 [B, N], such as a Gaussian policy's mean; None = discrete actions.

        Notes
        -----
        For continuous actions z is dx/da_i (a_i - default_i), which is right to first order. The derivative dx/da_i
        alone is not a credit: times the score its mean does not depend on x~, so that it does not descend G (claim
        C1.5 measures this). Cost: N + 1 states a roll-out, or D backward passes.
        """
        if default is not None:
            return action_influence(self.state, actions, default)
        size, n = actions.shape
        own = torch.eye(n, dtype=torch.bool, device=actions.device)
        without = self.states(torch.where(own, self.absent, actions[:, None]).flatten(0, 1)).view(size, n, -1)
        return dense_influence(self.states(actions)[:, None] - without)

    def game(
        self, reward: Callable[[Tensor], Tensor], n_agents: int, n_actions: int, *,
        action_costs: Tensor | None = None, allowed: Tensor | None = None,
    ) -> ModelGame:  # fmt: skip
        """The one-shot game in which N agents choose among K actions at once.

        Parameters
        ----------
        reward : x [D] -> reward of the whole team [], torch code as `state`.
        action_costs : [N, K], taken off the reward for each action played; None = 0.
        allowed : bool [N, K], which actions there are; None = all.

        Raises
        ------
        InputError : a state that is not x0 + sum_i z_i on 32 random joint actions, naming agent and coordinate; one
            that reads -1 as an index from the end; arguments that do not fit.

        Notes
        -----
        Cost: N K states of the model, and memory of N K D numbers while it is built.
        """
        n, k = check_int("n_agents", n_agents, 1), check_int("n_actions", n_actions, 1)
        idle = self.states(torch.full((1, n), self.absent))[0]
        alone = self._alone(n, k) - idle
        if self.absent == -1 and not bool(alone[:, -1].any()):
            raise InputError(
                f"state(actions) is the same without an agent (-1) and with its action {k - 1}, as if -1 were an index "
                f"from the end: it must leave such an agent out; if action {k - 1} adds nothing, say absent={k - 1}"
            )
        game = ModelGame(_sparse(alone), idle, self.reference_state(idle), reward, action_costs, allowed)
        self._check_additive(game)
        return game

    def _alone(self, n: int, k: int) -> Tensor:
        """x when nobody but agent i acts, by its action: [N, K, D]."""
        agent, action = torch.arange(n).repeat_interleave(k), torch.arange(k).repeat(n)
        joint = torch.full((n * k, n), self.absent)
        joint[torch.arange(n * k), agent] = action
        return self.states(joint).view(n, k, -1)

    def _check_additive(self, game: ModelGame) -> None:
        """Refuse a state that differs from x0 + sum_i z_i on random joint actions."""
        there = torch.ones(game.n_agents, game.n_actions) if game.allowed is None else game.allowed.float()
        drawn = torch.multinomial(there, PROFILES, replacement=True, generator=generator(0, 12)).T
        z, idle = game.influence(drawn), game.idle_state.expand(PROFILES, -1)
        added = idle.scatter_add(1, z.index.flatten(1), z.value.flatten(1))
        size = idle.abs().scatter_add(1, z.index.flatten(1), z.value.abs().flatten(1))
        wrong = ((self.states(drawn) - added).abs() > TOLERANCE * size).any(1)
        if bool(wrong.any()):
            raise InputError(self._interaction(game, drawn[wrong][0]))

    def _interaction(self, game: ModelGame, actions: Tensor) -> str:
        """Which agent adds something else in company than alone: agents act one after the other, [N]."""
        n = len(actions)
        joined = torch.where(torch.ones(n + 1, n, dtype=torch.bool).tril(-1), actions, self.absent)
        z, added = game.influence(actions[None]), self.states(joined).diff(dim=0)
        alone = torch.zeros_like(added).scatter_add(1, z.index[0], z.value[0])
        agent, m = divmod(int((added - alone).abs().argmax()), added.shape[1])
        return (
            f"state(actions) is no sum over agents: action {int(actions[agent])} of agent {agent} adds "
            f"{float(alone[agent, m]):g} to coordinate {m} when alone, {float(added[agent, m]):g} beside others: a "
            "game needs x = x0 + sum_i z_i (write a system with `influence` in its step instead)"
        )


@dataclass(frozen=True, eq=False)
class ModelGame(ResourceGame):
    """What `AnalyticalModel.game` makes: z index and value [N, K, S]; idle, reference_state [D]; reward x [D] -> [];
    costs [N, K]; there bool [N, K]. Its reward may be any function of x, so that a removal costs O(D)."""

    z: Influence
    idle: Tensor
    reference_state: Tensor
    reward: Callable[[Tensor], Tensor]
    costs: Tensor | None = None
    there: Tensor | None = None
    recipe: dict[str, Any] | None = None

    kind = "analytical_model"

    def __post_init__(self) -> None:
        check_vectors(self, ("reference_state",), len(self.idle))
        check_additions(self)
        for name, table in (("action_costs", self.costs), ("allowed", self.there)):
            if table is not None and table.shape != self.z.index.shape[:2]:
                wanted = list(self.z.index.shape[:2])
                raise InputError(f"{name} has shape {list(table.shape)}: it must be [N, K] = {wanted}")
        self.cost_of(self.idle)

    @property
    def additions(self) -> Influence:
        return self.z

    @property
    def idle_state(self) -> Tensor:
        return self.idle

    @property
    def action_costs(self) -> Tensor | None:
        return self.costs

    @property
    def allowed(self) -> Tensor | None:
        return self.there

    def cost_of(self, x: Tensor) -> Tensor:
        found = _mapped("reward(x)", self.reward, x.reshape(-1, self.state_size))
        if found.ndim != 1:
            raise InputError(f"reward(x) has shape {list(found.shape[1:])}: it must be one number [] for x [D]")
        return -found.view(x.shape[:-1])

    def coordinate_costs(self, x: Tensor, at: Tensor | None = None) -> Tensor:
        raise InputError("reward(x) of a model is not known to be a sum over coordinates: it has no coordinate costs")

    def removal_rewards(self, state: GameState, actions: Tensor) -> Tensor:
        """Reward of this step had agent i alone not acted, [B, N]. Cost O(B N D)."""
        step, charges = self._plain_step(state, actions), self.charges(actions)
        index, value = step.influence.index, step.influence.value
        without = [-self.cost_of(step.x.scatter_add(1, index[:, i], -value[:, i])) for i in range(self.n_agents)]
        rewards = torch.stack(without, dim=1)
        return rewards if charges is None else rewards - charges.sum(1, keepdim=True) + charges

    def config(self) -> dict[str, Any]:
        named = {"system": self.kind, "reward": getattr(self.reward, "__qualname__", type(self.reward).__name__)}
        tables = {"index": self.z.index, "value": self.z.value, "idle": self.idle, "costs": self.costs,
                  "reference_state": self.reference_state, "allowed": self.there}  # fmt: skip
        return named | {name: None if table is None else table.tolist() for name, table in tables.items()}

    def _increase(self, x: Tensor) -> Tensor:
        z = self.z
        after = x.expand(*z.index.shape[:2], -1).scatter_add(2, z.index, z.value)
        rise = self.cost_of(after) - self.cost_of(x)
        return rise if self.costs is None else rise + self.costs


def _mapped(what: str, function: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """function of every row, in float64; InputError naming `what` on anything it raises."""
    try:
        return vmap(function, chunk_size=CHUNK)(rows).to(F64)
    except InputError:
        raise
    except Exception as error:
        text = str(error).partition("\n")[0]
        raise InputError(
            f"{what} raised {type(error).__name__}: {text} (torch.func.vmap must be able to map it)"
        ) from error


def _sparse(dense: Tensor) -> Influence:
    """The non-zeros of z [N, K, D], as many slots as the fullest action has."""
    used = dense != 0.0
    slots = max(1, int(used.sum(-1).max()))
    index = used.to(torch.int8).argsort(dim=-1, descending=True, stable=True)[..., :slots]
    return Influence(index, dense.gather(-1, index))
