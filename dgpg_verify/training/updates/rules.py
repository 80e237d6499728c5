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

BLOCK_ROWS = 4096  # candidates of all decisions of a block: a few MiB of hidden units
# decisions, log-probability, its ratio to the old one, entropy -> what is to be raised; all [L, N]
Gain = Callable[[PackedDecisions, Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class AgentFacts:
    """What an update did, at the parameters it ended with. sums [4, N]: live decisions of every agent, how many of them
    are outside the clip, their approximate KL(old, new) and their entropy; norms [steps, networks]: gradients before
    clipping."""

    sums: Tensor
    norms: Tensor

    def over(self, agents: slice = slice(None), networks: slice = slice(None)) -> dict[str, float]:
        """The averages over some agents' decisions and over some networks, as the log names them; over all by default:
        share outside the clip, KL and entropy of a decision, gradient norm of a network."""
        count, *totals = self.sums[:, agents].sum(1).tolist()
        facts = {name: total / max(count, 1.0) for name, total in zip(("clipped", "kl", "entropy"), totals)}
        return facts | {"gradient_norm": float(self.norms[:, networks].mean())}


def chosen_log_prob(actor: Actor, decisions: PackedDecisions) -> tuple[Tensor, Tensor]:
    """log pi of the actions taken and the entropy, both [L, N]; 0 where nothing was decided."""
    log_probs = log_probabilities(actor.policy.logits(decisions.seen), decisions.seen.mask)
    chosen = log_probs.gather(-1, decisions.actions.clamp(min=0)[..., None])[..., 0]
    zero = torch.zeros_like(chosen)
    bonus = entropy(log_probs, decisions.seen.mask)
    return torch.where(decisions.live, chosen, zero), torch.where(decisions.live, bonus, zero)


def ppo(actor: Actor, decisions: PackedDecisions, settings: Settings, seed: int) -> AgentFacts:
    """`epochs` passes of the clipped surrogate with entropy bonus. seed: order of the minibatches."""
    return _passes(actor, decisions, settings, seed, _surrogate(settings))


def ppo_norms(actor: Actor, decisions: PackedDecisions, settings: Settings, seed: int) -> Tensor:
    """The same update without its facts, which cost one more pass; the gradient norm of every step."""
    return _descend(*_prepared(actor, decisions), settings, seed, _surrogate(settings))


def plain_gradient(actor: Actor, decisions: PackedDecisions, settings: Settings, seed: int) -> AgentFacts:
    """One step along sum_t w_t grad log pi_t, averaged over live decisions: REINFORCE with whatever credit."""

    def gain(part: PackedDecisions, log_prob: Tensor, ratio: Tensor, bonus: Tensor) -> Tensor:
        return log_prob * part.weight + settings.entropy * bonus

    return _passes(actor, decisions, replace(settings, epochs=1), seed, gain)


def imitate(actor: Actor, decisions: PackedDecisions, settings: Settings, seed: int) -> AgentFacts:
    """Raise log pi of `decisions.actions`, here what a reference controller would have done."""
    return _passes(actor, decisions, settings, seed, lambda part, log_prob, ratio, bonus: log_prob)


def _surrogate(settings: Settings) -> Gain:
    return lambda part, log_prob, ratio, bonus: (
        clipped_surrogate(ratio, part.weight, settings.clip) + settings.entropy * bonus
    )


def _played(actor: Actor, part: PackedDecisions) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probability of the actions taken, its ratio to the old one, and the entropy; all [L, N]."""
    log_prob, bonus = chosen_log_prob(actor, part)
    return log_prob, (log_prob - part.old_log_prob).exp(), bonus


def _passes(actor: Actor, decisions: PackedDecisions, settings: Settings, seed: int, gain: Gain) -> AgentFacts:
    actor, decisions = _prepared(actor, decisions)
    norms = _descend(actor, decisions, settings, seed, gain)
    with torch.no_grad():
        parts = [sums(block.live, *_played(some, block)[1:], settings.clip) for some, block in blocks(actor, decisions)]
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
        gains = gain(block, *_played(block_actor, block))
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


def sums(live: Tensor, ratio: Tensor, bonus: Tensor, clip: float) -> Tensor:
    """Sums over every agent's live decisions, see AgentFacts: arrays [L, N] -> [4, N] float64."""
    outside = ((ratio - 1.0).abs() > clip) & live
    tiny = torch.finfo(ratio.dtype).tiny  # a ratio that underflows would make the log infinite
    kl = torch.where(live, ratio - 1.0 - ratio.clamp(min=tiny).log(), torch.zeros_like(ratio))
    return torch.stack([values.sum(0, dtype=torch.float64) for values in (live, outside, kl, bonus)])


def minibatches(decisions: PackedDecisions, count: int, seed: int, epoch: int) -> Iterator[PackedDecisions]:
    """Split the L axis at random into `count` parts; the whole when count is 1 (or L < count)."""
    length = len(decisions.live)
    if count == 1 or length < count:
        yield decisions
        return
    order = torch.randperm(length, generator=generator(seed, 7, epoch)).to(decisions.live.device)
    for index in order.tensor_split(count):
        yield decisions.rows(index)
