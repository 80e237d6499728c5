"""An MLP that scores each candidate from its features; permutation-equivariant over candidates by construction.

Two hidden tanh layers of `hidden` units and a linear read-out without bias (a constant would not change the
softmax); layer normalisation, of each candidate's features and after each hidden layer, is optional. With independent
parameters all agents' networks run as one batched product.

Many credits at once: the score of each decision is formed first, layer by layer (a product of rank K), and every
credit is then one more row of a small product over steps. That is (K + C) / (K C) of the work of weighting before
multiplying, and one more credit costs next to nothing. Idle steps are left out; work goes in blocks that stay in cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from dgpg_verify.core import Observation, Rollout, check_int, check_real
from dgpg_verify.policies.decisions import Block, Decisions
from dgpg_verify.policies.initialise import Initialisation, initial_parameters
from dgpg_verify.policies.layers import Units, check_widths, hidden_units, normalise, split_layers, squash
from dgpg_verify.policies.softmax import Prior, SoftmaxPolicy, logit_scores, masked_softmax

BLOCK_BYTES = 8 * 2**20  # scratch of one block of rows
FEW = 4  # with fewer roll-outs, picking parameters costs more than idle agents do
GROUP_BYTES = 16 * 2**20  # products handed over at a time


@dataclass(frozen=True, eq=False)
class MLPPolicy(SoftmaxPolicy):
    """parameters [N, P] (independent) or [P] (shared), laid out as W1 [F,H], b1, W2 [H,H], b2, w3 [H].

    feature_norm: normalise over the F features of a candidate; layer_norm: over the H units of each hidden layer,
    after tanh; both without parameters, see `layers`. Products run in float32 (relative error about 1e-6), moments
    of them are accumulated in float64. Raises InputError where a norm is over a single number.
    """

    parameters: Tensor
    n_features: int
    hidden: int = 64
    sharing: Literal["independent", "shared"] = "independent"
    prior: Prior | None = None
    layer_norm: bool = False
    feature_norm: bool = False

    def __post_init__(self) -> None:
        check_widths(self.layer_norm, self.feature_norm, self.hidden, self.n_features)

    @classmethod
    def random(
        cls,
        n_agents: int,
        n_features: int,
        seed: int = 0,
        hidden: int = 64,
        sharing: Literal["independent", "shared"] = "independent",
        prior: Prior | None = None,
        gain: float = 1.0,
        initialisation: Initialisation = "gaussian",
        layer_norm: bool = False,
        feature_norm: bool = False,
    ) -> MLPPolicy:
        """Fresh weights, see `initial_parameters`; read-out of gain `gain`. Seeded, explicit.

        Raises InputError for hidden < 1, gain < 0 or another initialisation.
        """
        check_int("hidden", hidden, 1)
        check_real("gain", gain, 0.0)
        copies = 1 if sharing == "shared" else n_agents
        values = initial_parameters(initialisation, _shapes(n_features, hidden), copies, gain, seed, 5)
        values = values[0] if sharing == "shared" else values
        return cls(values, n_features, hidden, sharing, prior, layer_norm, feature_norm)

    def candidate_scores(self, features: Tensor) -> Tensor:
        *layers, w3 = split_layers(self._flat(), _shapes(self.n_features, self.hidden))
        units = hidden_units(self._rows(features), layers, squash, self.feature_norm, self.layer_norm)
        return self._unrows(_read_out(units, w3), features.shape[:-1])

    @torch.no_grad()
    def active_scores(self, seen: Observation) -> Tensor:
        """Idle agents, about half of all in the cloud, are left out where a network plays several roll-outs."""
        shape = seen.features.shape[:-1]
        n, k = shape[-2:]
        if shape.numel() < FEW * n * k:
            return self.candidate_scores(seen.features)
        features, active = seen.features.reshape(-1, k, self.n_features), seen.active.reshape(-1, n)
        scores = torch.zeros(features.shape[:2], dtype=torch.float32, device=features.device)
        in_block = max(1, BLOCK_BYTES // (4 * k * (self.n_features + 5 * self.hidden)))
        for block in Decisions.of(active[None]).blocks(slice(0, n), in_block):
            rows = features[block.at].float()
            part = self if self.sharing == "shared" else replace(self, parameters=self.parameters[block.agent])
            scores[block.at] = part.candidate_scores(rows.transpose(0, 1)).transpose(0, 1)
        return scores.view(shape)

    def prepared(self, seen: Observation) -> tuple[MLPPolicy, Observation]:
        """This policy and observation [L, N, ...] for many passes over the same decisions: features are normalised
        once, and lie agent by agent as the network reads them. A prior reads plain features: nothing changes then."""
        if self.prior is not None:
            return self, seen
        features = seen.features.float().transpose(0, 1).contiguous()  # [N, L, K, F]
        features = normalise(features) if self.feature_norm else features
        return replace(self, feature_norm=False), replace(seen, features=features.transpose(0, 1))

    def score_products(self, rollout: Rollout, weights: Tensor) -> Tensor:
        c, b, _, n = weights.shape
        out = torch.empty(n, b, c, self.parameters.shape[-1], dtype=torch.float32, device=weights.device)
        for part, products in self.score_blocks(rollout, weights):
            out[part] = products.permute(2, 1, 0, 3)
        return out.permute(2, 1, 0, 3)

    def score_blocks(self, rollout: Rollout, weights: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """score_products for one block of agents after another: (agents, [C, B, n, P]), stored agent by agent.

        Memory beside the roll-out: GROUP_BYTES of products and BLOCK_BYTES of scratch, whatever N is (but never less
        than one agent's products and one row's scratch).
        """
        return self.action_blocks(rollout, weights, weights.new_empty(0, *rollout.seen.mask.shape))

    @torch.no_grad()  # as a decorator: within a generator, a with statement would reach the caller between blocks
    def action_blocks(
        self, rollout: Rollout, weights: Tensor, action_weights: Tensor
    ) -> Iterator[tuple[slice, Tensor]]:
        """score_blocks with A more credits that weigh all actions, [A, B, T, N, K], 0 where an agent is not active:
        (agents, [C + A, B, n, P]). Each of those costs a backward pass of its own."""
        c, b = len(weights) + len(action_weights), weights.shape[1]
        size, (n, k) = self.parameters.shape[-1], rollout.seen.mask.shape[-2:]
        inputs, decisions = _Inputs.of(rollout, weights, action_weights, self), Decisions.of(rollout.actions >= 0)
        held = 8 if self.layer_norm else 5  # arrays of hidden units alive at once
        in_block = max(1, BLOCK_BYTES // (4 * (size + k * (self.n_features + held * self.hidden))))
        in_group = max(1, GROUP_BYTES // (4 * b * c * size))
        flat = self._flat()
        for low in range(0, n, in_group):
            agents = slice(low, min(low + in_group, n))
            out = torch.empty((agents.stop - low) * b, c, size, dtype=torch.float32, device=weights.device)
            for block in decisions.blocks(agents, in_block):
                out.index_copy_(0, block.row, self._products(flat, inputs, block))
            yield agents, out.view(-1, b, c, size).permute(2, 1, 0, 3)

    def _products(self, flat: Tensor, inputs: _Inputs, block: Block) -> Tensor:
        """Weighted sums of the scores of one block of rows, [I, C, P].

        A column of ones joins each layer's input, so that its weights and bias, which are neighbours in the layout,
        are one matrix.
        """
        (rows, steps), at = block.at.shape, block.at.flatten()
        f, h = self.n_features, self.hidden
        theta = flat.expand(rows, -1) if self.sharing == "shared" else flat.index_select(0, block.agent)
        w1, w2, w3 = theta.split([(f + 1) * h, (h + 1) * h, h], dim=1)
        w1, w2, w3 = w1.reshape(rows, f + 1, h), w2.reshape(rows, h + 1, h), w3.reshape(rows, h, 1)
        features = inputs.features_at(at)  # [I L, K, F + 1]
        first = features.new_empty(rows, steps * features.shape[1], h + 1)
        first[..., h] = 1.0
        units1 = Units.of(features.view(rows, -1, f + 1) @ w1, self.layer_norm, first[..., :h])
        units2 = Units.of(first @ w2, self.layer_norm)
        scores = _read_out(units2.value, w3).view(len(at), -1)
        products = []
        for delta3, weights in inputs.logit_gradients_at(at, scores):
            delta3 = delta3.view(rows, -1, 1)
            delta2 = units2.through(delta3 * w3.transpose(1, 2))
            delta1 = units1.through(delta2 @ w2[:, :h].transpose(1, 2))
            pairs = ((features, delta1), (first, delta2), (units2.value, delta3))
            weights = weights.view(rows, steps, -1).transpose(1, 2)  # [I, C, L]
            parts = [weights @ _scores(a, delta, len(at)).view(rows, steps, -1) for a, delta in pairs]
            products.append(torch.cat(parts, dim=-1))
        return products[0] if len(products) == 1 else torch.cat(products, dim=1)

    def _flat(self) -> Tensor:
        """Parameters [N or 1, P] float32."""
        flat = self.parameters.float()
        return flat[None] if self.sharing == "shared" else flat

    def _rows(self, values: Tensor) -> Tensor:
        """[..., N, K, F] -> [N, rows, F] (independent) or [1, rows, F] (shared)."""
        values = values.float()
        if self.sharing == "shared":
            return values.reshape(1, -1, values.shape[-1])
        n, k, f = values.shape[-3:]
        return values.reshape(-1, n, k, f).transpose(0, 1).reshape(n, -1, f)

    def _unrows(self, values: Tensor, shape: torch.Size) -> Tensor:
        if self.sharing == "shared":
            return values.reshape(shape)
        n, k = shape[-2:]
        return values.reshape(n, -1, k).transpose(0, 1).reshape(shape)


@dataclass(frozen=True)
class _Inputs:
    """What a score needs, with roll-out, step and agent as one axis: features [BTN, K, F], mask and prior [BTN, K],
    actions [BTN], weights [BTN, C], action_weights [A, BTN, K]."""

    features: Tensor
    mask: Tensor
    prior: Tensor | None
    actions: Tensor
    weights: Tensor
    action_weights: Tensor
    feature_norm: bool

    @classmethod
    def of(cls, rollout: Rollout, weights: Tensor, action_weights: Tensor, policy: MLPPolicy) -> _Inputs:
        seen, prior = rollout.seen, policy.prior
        return cls(
            features=seen.features.flatten(0, 2),
            mask=seen.mask.flatten(0, 2),
            prior=None if prior is None else prior(seen).flatten(0, 2),
            actions=rollout.actions.flatten(),
            weights=weights.flatten(1).t().float().contiguous(),
            action_weights=action_weights.flatten(1, 3),
            feature_norm=policy.feature_norm,
        )

    def features_at(self, at: Tensor) -> Tensor:
        """[I L, K, F + 1] float32, the last column 1."""
        features = self.features.index_select(0, at).float()
        return torch.nn.functional.pad(normalise(features) if self.feature_norm else features, (0, 1), value=1.0)

    def logit_gradients_at(self, at: Tensor, scores: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """From the network's scores, gradients in the logits [I L, K] float32 with the weights [I L, .] of the credits
        that they serve: e_a - pi for all that weigh the action taken, pi_k (w_k - pi.w) for each that weighs all."""
        if self.prior is not None:
            scores = scores + self.prior.index_select(0, at).to(scores)
        logits = scores.masked_fill(~self.mask.index_select(0, at), -torch.inf)
        chances = masked_softmax(logits)
        yield logit_scores(chances, self.actions.index_select(0, at)).float(), self.weights.index_select(0, at)
        for values in self.action_weights:
            w = values.index_select(0, at)
            centred = w - (chances * w).sum(-1, keepdim=True)
            yield (chances * centred).float(), torch.ones_like(scores[:, :1])


def _read_out(units: Tensor, w3: Tensor) -> Tensor:
    """[., R, H], [., H, 1] -> [., R]; several times faster than a matrix times a column, and a row's bits do not
    depend on how many rows there are."""
    return (units * w3.transpose(1, 2)).sum(-1)


def _scores(inputs: Tensor, delta: Tensor, steps: int) -> Tensor:
    """sum over candidates of a (x) delta at each step: [., in], [., out] -> [steps, in, out]."""
    return inputs.reshape(steps, -1, inputs.shape[-1]).transpose(1, 2) @ delta.reshape(steps, -1, delta.shape[-1])


def _shapes(n_features: int, hidden: int) -> list[tuple[int, ...]]:
    return [(n_features, hidden), (1, hidden), (hidden, hidden), (1, hidden), (hidden, 1)]
