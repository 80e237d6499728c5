"""The contract between rooms: what a system, a policy, a roll-out and a credit are, with their shapes.

B roll-outs in a chunk, T steps, N agents, K actions (padded, masked), D state coordinates, S non-zeros of an
influence, F features, P parameters of one agent, C credits. A user plugs in by implementing `System`, `Policy`
or `Credit`; no base class is needed. What they may offer beyond that is declared in `core.abilities`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

from torch import Tensor

from dgpg_verify.core.noise import Noise


@dataclass(frozen=True)
class Influence:
    """What agent i's action adds to the state x, compared with its default (no job; the policy's mean).

    index int64 [B, N, S]: coordinates of x touched; value [B, N, S]: amounts, unused slots 0.
    """

    index: Tensor
    value: Tensor


@dataclass(frozen=True)
class Observation:
    """What the agents see before acting.

    features float [B, N, K, F]; mask bool [B, N, K], False = not allowed; active bool [B, N], False = nothing
    to decide. A roll-out stacks them along a time axis: [B, T, ...].
    """

    features: Tensor
    mask: Tensor
    active: Tensor


@dataclass(frozen=True)
class Transition:
    """One step. reward [B] on the sum scale; x_observed [B, D] before acting; x [B, D] after all actions and
    before time passes (the distance d is taken here); reference [B, D]; done bool [B]."""

    next_state: Any
    reward: Tensor
    x_observed: Tensor
    x: Tensor
    reference: Tensor
    influence: Influence
    done: Tensor


@runtime_checkable
class System(Protocol):
    """A cooperative task as pure functions of explicit noise. Parameters are read-only, randomness is passed in.

    n_actions = 0 means continuous actions. State is any (nested) dataclass of tensors with a leading B axis.
    """

    @property
    def n_agents(self) -> int: ...
    @property
    def n_actions(self) -> int: ...
    @property
    def horizon(self) -> int: ...
    @property
    def discount(self) -> float: ...
    @property
    def state_size(self) -> int: ...
    @property
    def noise_size(self) -> int: ...

    def start(self, noise: Tensor) -> Any:
        """[B, T, E] uniforms -> first state; the exogenous workload of the whole roll-out is fixed here."""
        ...

    def observe(self, state: Any) -> Observation:
        """What each agent sees in `state`."""
        ...

    def step(self, state: Any, actions: Tensor) -> Transition:
        """Play `actions`, int64 [B, N] (float64 when continuous); -1 = no action."""
        ...

    def config(self) -> dict[str, Any]:
        """JSON values, enough to rebuild the system; part of a cell's key."""
        ...


@runtime_checkable
class Policy(Protocol):
    """Independent agents: each action depends on the agent's own observation and its own uniforms only.

    parameters float64 [N, P] (sharing "independent") or [P] ("shared"); noise_size U (1: inverse CDF).
    """

    @property
    def sharing(self) -> Literal["independent", "shared"]: ...
    @property
    def parameters(self) -> Tensor: ...
    @property
    def noise_size(self) -> int: ...

    def act(self, seen: Observation, noise: Tensor) -> Tensor:
        """uniforms [B, N, U] -> actions [B, N]; a function, no generator. Inactive agents get -1."""
        ...

    def log_prob(self, seen: Observation, actions: Tensor) -> Tensor:
        """log pi(a | o) [..., N], differentiable in `parameters`; 0 where not active."""
        ...

    def score_products(self, rollout: Rollout, weights: Tensor) -> Tensor:
        """sum_t w_t psi_t for C credits at once: weights [C, B, T, N] -> [C, B, N, P]."""
        ...


@dataclass(frozen=True, eq=False)
class Rollout:
    """B roll-outs of T steps, leading axes [B, T].

    seen (features [B,T,N,K,F] ...), active [B,T,N], actions [B,T,N], log_prob [B,T,N], reward [B,T],
    x_observed, x, reference [B,T,D], influence (index, value [B,T,N,S]); states: T states kept for
    counterfactual re-runs, or None.
    """

    system: System
    policy: Policy
    noise: Noise
    seen: Observation
    active: Tensor
    actions: Tensor
    log_prob: Tensor
    reward: Tensor
    x_observed: Tensor
    x: Tensor
    reference: Tensor
    influence: Influence
    states: Sequence[Any] | None


@runtime_checkable
class Credit(Protocol):
    """The scalar w[b, t, i] that multiplies agent i's score at step t; to be maximised.

    `fit` estimates baselines, critics and scales on separate pilot roll-outs and returns a frozen credit.
    """

    @property
    def name(self) -> str: ...
    @property
    def keeps_states(self) -> bool: ...

    def fit(self, pilot: Sequence[Rollout]) -> Credit: ...

    def __call__(self, rollout: Rollout) -> Tensor:
        """[B, T, N] float64, 0 where the agent is not active."""
        ...
