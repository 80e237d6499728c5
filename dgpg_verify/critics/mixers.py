"""Mixers: how the value of a joint action is put together from one utility of each agent.

VDN (Sunehag et al. 2018) adds them. QMIX (Rashid et al. 2018) mixes them with weights >= 0 that a hyper-network draws
from the state: monotone in each. QPLEX (Wang et al. 2021) adds to the value of the greedy action how far each agent is
from its own best, weighted by lambda_i(s, a) > 0: any function whose greedy joint action is that of the utilities.
QTRAN-base (Son et al. 2019) learns the joint value freely and ties the sum of the utilities to it by two constraints.

All share one interface, so that a learner needs no case for each:

    mixer(utilities [B, N], state [B, F], best [B, N], actions [B, N]) -> value of the joint action [B]
    mixer.table(utilities [B, N, K], state, best, actions) -> value had agent i alone played k [B, N, K]
    mixer.constraints(utilities [B, N], state, best, actions, best_actions [B, N]) -> what is added to the loss, a mean

utilities: of the actions taken (all K in `table`); best: each agent's largest over what it is allowed; actions int64,
-1 where an agent has nothing to decide, whose utility and best must then be the same number, such as 0 or the value of
waiting. VDN and QMIX need the first two alone;
QTRAN's value is a function of state and actions, its utilities enter the constraints only. To bootstrap, give the
utilities and actions that are greedy in the next state; to act, take each agent's best utility, whatever the mixer.
Build them by `critics.drawn(lambda: MIXERS[name](N, K, F), seed)`, which gives them their first weights.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EMBED, HIDDEN = 32, 64  # widths of the mixing layer, and of hyper-networks and joint networks


class JointActions(nn.Module):
    """The first layer of a network that reads the one-hot actions of all agents, without writing these out: the sum of
    one row for each (agent, action). N K rows of `width` numbers; an agent without an action adds nothing."""

    def __init__(self, n_agents: int, n_actions: int, width: int) -> None:
        super().__init__()
        self.n_actions, self.none = n_actions, n_agents * n_actions
        self.rows = nn.EmbeddingBag(self.none + 1, width, mode="sum", padding_idx=self.none)

    def draw_own(self, rng: torch.Generator) -> None:
        """Rows whose sum has unit variance."""
        self.rows.weight.normal_(std=(self.none // self.n_actions) ** -0.5, generator=rng)
        self.rows.weight[self.none] = 0.0

    def forward(self, actions: Tensor) -> Tensor:
        """actions [B, N] -> [B, width]"""
        return self.rows(self._places(actions))

    def own(self, actions: Tensor) -> Tensor:
        """What each agent adds to that sum: [B, N] -> [B, N, width]."""
        return F.embedding(self._places(actions), self.rows.weight)

    def others(self, actions: Tensor) -> Tensor:
        """The sum without the own action, [B, N, width]."""
        return self(actions)[:, None] - self.own(actions)

    def every(self) -> Tensor:
        """What each action of each agent would add, [N, K, width]."""
        return self.rows.weight[: self.none].unflatten(0, (-1, self.n_actions))

    def _places(self, actions: Tensor) -> Tensor:
        first = torch.arange(0, self.none, self.n_actions, device=actions.device)
        return torch.where(actions >= 0, first + actions, self.none)


def two_layers(inputs: int, outputs: int, hidden: int = HIDDEN) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


class Mixer(nn.Module, ABC):
    """Base: no constraints. Interface and shapes: see the module."""

    def __init__(self, n_agents: int, n_actions: int, state_size: int) -> None:
        super().__init__()
        self.n_agents, self.n_actions = n_agents, n_actions

    @abstractmethod
    def forward(self, utilities: Tensor, state: Tensor, best: Tensor, actions: Tensor) -> Tensor:
        """The value of the joint action, [B]."""

    @abstractmethod
    def table(self, utilities: Tensor, state: Tensor, best: Tensor, actions: Tensor) -> Tensor:
        """The value had agent i alone played k, [B, N, K]."""

    def constraints(
        self, utilities: Tensor, state: Tensor, best: Tensor, actions: Tensor, best_actions: Tensor
    ) -> Tensor:
        return utilities.new_zeros(())


class VDNMixer(Mixer):
    """sum_i q_i."""

    def forward(
        self, utilities: Tensor, state: Tensor, best: Tensor | None = None, actions: Tensor | None = None
    ) -> Tensor:
        return utilities.sum(-1)

    def table(self, utilities: Tensor, state: Tensor, best: Tensor, actions: Tensor) -> Tensor:
        chosen = taken(utilities, actions)
        return chosen.sum(-1)[:, None, None] + utilities - chosen[..., None]


class QMIXMixer(Mixer):
    """w_2(s).elu(q W_1(s) + b_1(s)) + v(s) with W_1, w_2 >= 0. O(N) parameters.

    As published. Since elu is convex it is convex in the utilities: where two agents in each other's way lose more than
    the sum of what either loses, as on shared servers, it can say no more than VDN.
    """

    def __init__(self, n_agents: int, n_actions: int, state_size: int, embed: int = EMBED) -> None:
        super().__init__(n_agents, n_actions, state_size)
        self.first = two_layers(state_size, n_agents * embed)
        self.first_bias = nn.Linear(state_size, embed)
        self.second = two_layers(state_size, embed)
        self.value = two_layers(state_size, 1, embed)

    def forward(
        self, utilities: Tensor, state: Tensor, best: Tensor | None = None, actions: Tensor | None = None
    ) -> Tensor:
        return self._mixed((utilities[:, None] @ self._weights(state))[:, 0] + self.first_bias(state), state)

    def table(self, utilities: Tensor, state: Tensor, best: Tensor, actions: Tensor) -> Tensor:
        chosen, weights = taken(utilities, actions), self._weights(state)
        before = (chosen[:, None] @ weights)[:, 0] + self.first_bias(state)
        change = (utilities - chosen[..., None])[..., None] * weights[:, :, None]
        return self._mixed(before[:, None, None] + change, state)

    def _weights(self, state: Tensor) -> Tensor:
        """W_1, [B, N, E]."""
        return self.first(state).abs().unflatten(-1, (self.n_agents, -1))

    def _mixed(self, before: Tensor, state: Tensor) -> Tensor:
        """[B, ..., E] before the activation -> [B, ...]."""
        weights, value = self.second(state).abs(), self.value(state)[:, 0]
        over = (len(state), *[1] * (before.ndim - 2))
        return (F.elu(before) * weights.view(*over, -1)).sum(-1) + value.view(over)


class QPLEXMixer(Mixer):
    """sum_i w_i V_i + b_i + sum_i lambda_i(s, a) w_i (q_i - V_i), V_i = `best`, w(s) > 0. O(N K) parameters.

    lambda is the exponential of a network of state and joint action. The published sum of products of sigmoids is as
    positive, but on QTRAN's matrix its utilities stayed tied from most first weights; these do from some.
    """

    def __init__(self, n_agents: int, n_actions: int, state_size: int) -> None:
        super().__init__(n_agents, n_actions, state_size)
        self.scale, self.shift = two_layers(state_size, n_agents), two_layers(state_size, n_agents)
        self.state = nn.Linear(state_size, HIDDEN)
        self.joint = JointActions(n_agents, n_actions, HIDDEN)
        self.scores = nn.Sequential(nn.ReLU(), nn.Linear(HIDDEN, n_agents))

    def forward(self, utilities: Tensor, state: Tensor, best: Tensor, actions: Tensor) -> Tensor:
        scale = self._scale(state)
        gaps = scale * (utilities - best)
        attention = self.scores(self.state(state) + self.joint(actions)).exp()
        # the utilities learn as if lambda were 1, as published: else those of small lambda would hardly learn
        weighed = gaps + (attention - 1.0) * gaps.detach()
        return self._greedy(scale, state, best) + weighed.sum(-1)

    def table(self, utilities: Tensor, state: Tensor, best: Tensor, actions: Tensor) -> Tensor:
        """Cost: O(B N^2 K), in N K parts: what one agent does moves the weights of all."""
        scale, every = self._scale(state), self.joint.every()
        others = self.state(state)[:, None] + self.joint.others(actions)
        gaps = scale * (taken(utilities, actions) - best)
        columns = []
        for i in range(self.n_agents):
            for k in range(self.n_actions):
                attention = self.scores(others[:, i] + every[i, k]).exp()
                own = scale[:, i] * (utilities[:, i, k] - best[:, i])
                columns.append((attention * gaps).sum(-1) + attention[:, i] * (own - gaps[:, i]))
        away = torch.stack(columns, -1).unflatten(-1, (self.n_agents, self.n_actions))
        return self._greedy(scale, state, best)[:, None, None] + away

    def _scale(self, state: Tensor) -> Tensor:
        """w [B, N]"""
        return self.scale(state).abs() + 1e-6

    def _greedy(self, scale: Tensor, state: Tensor, best: Tensor) -> Tensor:
        return (scale * best + self.shift(state)).sum(-1)


class QTRANMixer(Mixer):
    """Q_jt(s, a), with the additive factor sum_i q_i and V_jt(s). O(N K) parameters."""

    def __init__(self, n_agents: int, n_actions: int, state_size: int) -> None:
        super().__init__(n_agents, n_actions, state_size)
        self.state = nn.Linear(state_size, HIDDEN)
        self.joint = JointActions(n_agents, n_actions, HIDDEN)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
        self.offset = two_layers(state_size, 1)

    def forward(self, utilities: Tensor, state: Tensor, best: Tensor, actions: Tensor) -> Tensor:
        return self.head(self.state(state) + self.joint(actions))[:, 0]

    def table(self, utilities: Tensor, state: Tensor, best: Tensor, actions: Tensor) -> Tensor:
        others = self.state(state)[:, None] + self.joint.others(actions)
        return self.head(others[:, :, None] + self.joint.every())[..., 0]

    def constraints(
        self, utilities: Tensor, state: Tensor, best: Tensor, actions: Tensor, best_actions: Tensor
    ) -> Tensor:
        """sum_i q_i - Q_jt + V_jt is 0 at the greedy action and >= 0 elsewhere; Q_jt itself does not yield to it."""
        offset = self.offset(state)[:, 0]
        with torch.no_grad():
            greedy, played = (self(utilities, state, best, at) for at in (best_actions, actions))
        at_best = best.sum(-1) - greedy + offset
        elsewhere = utilities.sum(-1) - played + offset
        return (at_best**2).mean() + (elsewhere.clamp(max=0.0) ** 2).mean()


def taken(utilities: Tensor, actions: Tensor) -> Tensor:
    """Utilities of the actions taken, 0 without one: [B, N, K], [B, N] -> [B, N]."""
    return torch.where(actions >= 0, utilities.gather(-1, actions.clamp(min=0)[..., None])[..., 0], 0.0)


MIXERS: dict[str, Callable[[int, int, int], Mixer]] = {
    "vdn": VDNMixer,
    "qmix": QMIXMixer,
    "qtran": QTRANMixer,
    "qplex": QPLEXMixer,
}
