"""How an iteration's decisions change the actor: clipped surrogate (PPO) or one plain policy-gradient step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgpg_verify.core import HasPrepared, HasPrior, generator, offers
from dgpg_verify.policies.decisions import cuts
from dgpg_verify.training.networks import Actor
from dgpg_verify.training.settings import Settings
from dgpg_verify.training.updates.losses import NonFiniteLoss, clipped_surrogate, entropy, live_mean, log_probabilities
from dgpg_verify.training.updates.packing import PackedDecisions
from dgpg_verify.training.updates.weights import own_surrogate

BLOCK_ROWS = 4096  # candidates of all decisions of a block: a few MiB of hidden units


@dataclass(frozen=True)
class AgentFacts:
    """What an update did, at the parameters it ended with. sums [4, N]: live decisions of every agent, how many of them
    are outside the clip, their approximate KL(old, new) and their entropy; norms [steps, networks]: gradients before
    clipping; in_turn: whether the networks took their steps one after the other."""

    sums: Tensor
    norms: Tensor
    in_turn: bool = False

    def over(self, agents: slice = slice(None), networks: slice = slice(None)) -> dict[str, float]:
        """The averages over some agents' decisions and over some networks, as the log names them; over all by default:
        share outside the clip, KL and entropy of a decision, gradient norm of a network; and, of the whole update, the
        number of steps that followed one another."""
        count, *totals = self.sums[:, agents].sum(1).tolist()
        facts = {name: total / max(count, 1.0) for name, total in zip(("clipped", "kl", "entropy"), totals)}
        steps = self.norms.numel() if self.in_turn else len(self.norms)
        return facts | {"gradient_norm": float(self.norms[:, networks].mean()), "steps": steps}


@dataclass(frozen=True)
class Now:
    """The policy as it is, at decisions it was played in. log_probs [L, N, K]: 0 where not allowed; log_prob: of the
    actions taken, ratio: their probability over the old one, entropy; [L, N], 0 (ratio 1) where nothing was decided."""

    log_probs: Tensor
    log_prob: Tensor
    entropy: Tensor
    old_log_prob: Tensor

    @classmethod
    def of(cls, actor: Actor, decisions: PackedDecisions) -> Now:
        log_probs = log_probabilities(actor.policy.logits(decisions.seen), decisions.seen.mask)
        chosen = log_probs.gather(-1, decisions.actions.clamp(min=0)[..., None])[..., 0]
        zero = torch.zeros_like(chosen)
        bonus = entropy(log_probs, decisions.seen.mask)
        live = decisions.live
        return cls(log_probs, torch.where(live, chosen, zero), torch.where(live, bonus, zero), decisions.old_log_prob)

    @property
    def ratio(self) -> Tensor:
        return (self.log_prob - self.old_log_prob).exp()

    def probabilities(self, mask: Tensor) -> Tensor:
        """Of all own actions, [L, N, K]."""
        return torch.where(mask, self.log_probs.exp(), torch.zeros_like(self.log_probs))

    def kl_of(self, shown: Tensor) -> Tensor:
        """KL(teacher, policy) for a teacher that is certain of `shown`, [L, N]."""
        return -self.log_probs.gather(-1, shown.clamp(min=0)[..., None])[..., 0]


Gain = Callable[[PackedDecisions, Now], Tensor]  # what is to be raised, [L, N]


def ppo(actor: Actor, decisions: PackedDecisions, settings: Settings, seed: int) -> AgentFacts:
    """`epochs` passes of the clipped surrogate with entropy bonus. seed: order of the minibatches."""
    return _passes(actor, decisions, settings, seed, _surrogate(settings))


def ppo_norms(actor: Actor, decisions: PackedDecisions, settings: Settings, seed: int) -> Tensor:
    """The update `ppo`, without its facts, which cost one more pass; returns the gradient norm of every step."""
    return _descend(*_prepared(actor, decisions), settings, seed, _surrogate(settings))


def plain_gradient(actor: Actor, decisions: PackedDecisions, settings: Settings, seed: int) -> AgentFacts:
    """One step along sum_t w_t grad log pi_t, averaged over live decisions: REINFORCE with whatever credit. Weights of
    all own actions add sum_t,k w_t,k grad pi_t,k."""

    def gain(part: PackedDecisions, now: Now) -> Tensor:
        gains = now.log_prob * part.weight + settings.entropy * now.entropy
        if part.own is not None:
            gains = gains + (now.probabilities(part.seen.mask) * part.own.weight).sum(-1)
        return gains

    return _passes(actor, decisions, replace(settings, epochs=1), seed, gain)


def imitate(actor: Actor, decisions: PackedDecisions, settings: Settings, seed: int) -> AgentFacts:
    """Raise log pi of `decisions.actions`, here what a reference controller would have done."""
    return _passes(actor, decisions, settings, seed, lambda part, now: now.log_prob)


def _surrogate(settings: Settings) -> Gain:
    def gain(part: PackedDecisions, now: Now) -> Tensor:
        gains = clipped_surrogate(now.ratio, part.weight, settings.clip) + settings.entropy * now.entropy
        if part.own is not None:
            gains = gains + own_surrogate(now.probabilities(part.seen.mask), part.own, settings.clip)
        if part.shown is not None and (share := settings.teacher_share):
            gains = (1.0 - share) * gains - share * now.kl_of(part.shown)
        return gains

    return gain


def _passes(actor: Actor, decisions: PackedDecisions, settings: Settings, seed: int, gain: Gain) -> AgentFacts:
    actor, decisions = _prepared(actor, decisions)
    norms = _descend(actor, decisions, settings, seed, gain)
    with torch.no_grad():
        parts = [sums(block.live, Now.of(some, block), settings.clip) for some, block in blocks(actor, decisions)]
        totals = torch.cat(parts, dim=1)
        return AgentFacts(totals if actor.order is None else totals[:, actor.order.argsort()], norms)


def _prepared(actor: Actor, decisions: PackedDecisions) -> tuple[Actor, PackedDecisions]:
    """What all passes share is computed once: the busiest agents come first, so that blocks hold agents with
    about as many decisions and little padding; and the policy's own preparations, where it offers any."""
    if not _in_one_block(actor, decisions):
        order = decisions.lengths().argsort(descending=True, stable=True)
        actor, decisions = replace(actor, order=order), decisions.agents(order)
    if not offers(actor.policy, HasPrepared):
        return actor, decisions
    policy, seen = actor.policy.prepared(decisions.seen)
    return replace(actor, policy=policy), replace(decisions, seen=seen)


def _descend(actor: Actor, decisions: PackedDecisions, settings: Settings, seed: int, gain: Gain) -> Tensor:
    """The gradient norm of every network at every step, [steps, networks]."""
    norms: list[Tensor] = []
    for epoch in range(settings.epochs):
        for part in minibatches(decisions, settings.minibatches, seed, epoch):
            actor.clear()
            _add_gradients(actor, part, gain, epoch)
            norms.append(actor.step(settings.grad_clip))
    return torch.stack(norms)


def _add_gradients(actor: Actor, part: PackedDecisions, gain: Gain, epoch: int) -> None:
    """Gradient of minus the mean gain into the leaf, block by block: no agent's loss reads another's network."""
    live, first = int(part.live.sum()), 0
    for block_actor, block in blocks(actor, part):
        gains = gain(block, Now.of(block_actor, block))
        value = -live_mean(gains, block.live, actor.per_agent, live)
        if not bool(value.isfinite()):
            column = first + int((~gains.isfinite() & block.live).any(0).int().argmax())
            agent = column if actor.order is None else int(actor.order[column])
            raise NonFiniteLoss(f"actor loss is {float(value.detach())} in epoch {epoch}", agent)
        value.backward()
        first += block.live.shape[1]


def blocks(actor: Actor, decisions: PackedDecisions) -> Iterator[tuple[Actor, PackedDecisions]]:
    """A few agents at a time with their parameters, so that a block's arrays stay in cache, and rows up to the last
    decision among them only. Agents are best ordered by their number of decisions (`_prepared`)."""
    if actor.order is None and _in_one_block(actor, decisions):
        yield actor, decisions
        return
    lengths = decisions.lengths().tolist()
    for agents in cuts(lengths, BLOCK_ROWS // decisions.seen.mask.shape[-1]):
        yield actor.agents(agents), decisions.agents(agents, max(1, *lengths[agents]))


def _in_one_block(actor: Actor, decisions: PackedDecisions) -> bool:
    """Whether all fit into one block; always with a prior, which may look at all agents at once."""
    policy = actor.policy
    has_prior = offers(policy, HasPrior) and policy.prior is not None
    return decisions.seen.mask.numel() <= BLOCK_ROWS or has_prior


def sums(live: Tensor, now: Now, clip: float) -> Tensor:
    """Sums over every agent's live decisions, see AgentFacts: arrays [L, N] -> [4, N] float64."""
    ratio = now.ratio
    outside = ((ratio - 1.0).abs() > clip) & live
    tiny = torch.finfo(ratio.dtype).tiny  # a ratio that underflows would make the log infinite
    kl = torch.where(live, ratio - 1.0 - ratio.clamp(min=tiny).log(), torch.zeros_like(ratio))
    return torch.stack([values.sum(0, dtype=torch.float64) for values in (live, outside, kl, now.entropy)])


def minibatches(decisions: PackedDecisions, count: int, seed: int, epoch: int) -> Iterator[PackedDecisions]:
    """Split the L axis at random into `count` parts; the whole when count is 1 (or L < count)."""
    length = len(decisions.live)
    if count == 1 or length < count:
        yield decisions
        return
    order = torch.randperm(length, generator=generator(seed, 7, epoch)).to(decisions.live.device)
    for index in order.tensor_split(count):
        yield decisions.rows(index)
