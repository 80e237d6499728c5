"""How an iteration's decisions change the actor: clipped surrogate (PPO) or one plain policy-gradient step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dgpg_verify.core import HasPrepared, HasPrior, NonFiniteError, generator, offers
from dgpg_verify.training.networks import Actor
from dgpg_verify.training.settings import Settings
from dgpg_verify.training.updates.batch import Decisions
from dgpg_verify.training.updates.losses import clipped_surrogate, entropy, live_mean, log_probabilities

BLOCK_ROWS = 4096  # candidates of all decisions of a block: a few MiB of hidden units
Loss = Callable[[Actor, Decisions], tuple[Tensor, Tensor, Tensor]]  # gain, probability ratio, entropy, all [L, N]


@dataclass(frozen=True)
class UpdateFacts:
    """What an update did, at the parameters it ended with: share of decisions outside the clip, approximate
    KL(old, new) and entropy per decision; and the mean gradient norm of a network before clipping."""

    clipped: float
    kl: float
    entropy: float
    gradient_norm: float


@dataclass(frozen=True)
class AgentFacts:
    """The same before it is averaged. sums [4, N]: live decisions of every agent, how many of them are outside the
    clip, their KL and their entropy; norms [steps, networks]."""

    sums: Tensor
    norms: Tensor

    def over(self, agents: slice = slice(None), networks: slice = slice(None)) -> UpdateFacts:
        """The averages over some agents and over some networks; over all by default."""
        count, *totals = self.sums[:, agents].sum(1).tolist()
        clipped, kl, bonus = (total / max(count, 1.0) for total in totals)
        return UpdateFacts(clipped, kl, bonus, float(self.norms[:, networks].mean()))


def chosen_log_prob(actor: Actor, decisions: Decisions) -> tuple[Tensor, Tensor]:
    """log pi of the actions taken and the entropy, both [L, N]; 0 where nothing was decided."""
    log_probs = log_probabilities(actor.policy.logits(decisions.seen), decisions.seen.mask)
    chosen = log_probs.gather(-1, decisions.actions.clamp(min=0)[..., None])[..., 0]
    zero = torch.zeros_like(chosen)
    bonus = entropy(log_probs, decisions.seen.mask)
    return torch.where(decisions.live, chosen, zero), torch.where(decisions.live, bonus, zero)


def ppo(actor: Actor, decisions: Decisions, settings: Settings, seed: int) -> AgentFacts:
    """`epochs` passes of the clipped surrogate with entropy bonus. seed: order of the minibatches."""
    return _passes(actor, decisions, settings, seed, settings.epochs, _surrogate(settings))


def ppo_norms(actor: Actor, decisions: Decisions, settings: Settings, seed: int) -> Tensor:
    """The same update without its facts, which cost one more pass; the gradient norm of every step."""
    return _descend(*_prepared(actor, decisions), settings, seed, settings.epochs, _surrogate(settings))


def _surrogate(settings: Settings) -> Loss:
    def gain(actor: Actor, part: Decisions) -> tuple[Tensor, Tensor, Tensor]:
        log_prob, bonus = chosen_log_prob(actor, part)
        ratio = (log_prob - part.old_log_prob).exp()
        return clipped_surrogate(ratio, part.weight, settings.clip) + settings.entropy * bonus, ratio, bonus

    return gain


def plain_gradient(actor: Actor, decisions: Decisions, settings: Settings, seed: int) -> AgentFacts:
    """One step along sum_t w_t grad log pi_t, averaged over live decisions: REINFORCE with whatever credit."""

    def gain(actor: Actor, part: Decisions) -> tuple[Tensor, Tensor, Tensor]:
        log_prob, bonus = chosen_log_prob(actor, part)
        return log_prob * part.weight + settings.entropy * bonus, (log_prob - part.old_log_prob).exp(), bonus

    return _passes(actor, decisions, settings, seed, 1, gain)


def imitate(actor: Actor, decisions: Decisions, settings: Settings, seed: int) -> AgentFacts:
    """Raise log pi of `decisions.actions`, here what a reference controller would have done."""

    def gain(actor: Actor, part: Decisions) -> tuple[Tensor, Tensor, Tensor]:
        log_prob, bonus = chosen_log_prob(actor, part)
        return log_prob, (log_prob - part.old_log_prob).exp(), bonus

    return _passes(actor, decisions, settings, seed, settings.epochs, gain)


def _passes(actor: Actor, decisions: Decisions, settings: Settings, seed: int, epochs: int, loss: Loss) -> AgentFacts:
    actor, decisions = _prepared(actor, decisions)
    norms = _descend(actor, decisions, settings, seed, epochs, loss)
    with torch.no_grad():
        parts = [sums(block.live, *loss(own, block)[1:], settings.clip) for own, block in blocks(actor, decisions)]
        found = torch.cat(parts, dim=1)
        return AgentFacts(found if actor.order is None else found[:, actor.order.argsort()], norms)


def _prepared(actor: Actor, decisions: Decisions) -> tuple[Actor, Decisions]:
    """What all passes read alike is worked out once: the busiest agents come first, so that blocks hold agents with
    about as many decisions and little padding; and the policy's own preparations, where it offers any."""
    if not _in_one_block(actor, decisions):
        order = decisions.lengths().argsort(descending=True, stable=True)
        actor, decisions = replace(actor, order=order), decisions.agents(order)
    if not offers(actor.policy, HasPrepared):
        return actor, decisions
    policy, seen = actor.policy.prepared(decisions.seen)
    return replace(actor, policy=policy), replace(decisions, seen=seen)


def _descend(actor: Actor, decisions: Decisions, settings: Settings, seed: int, epochs: int, loss: Loss) -> Tensor:
    """The gradient norm of every network at every step, [steps, networks]."""
    norms: list[Tensor] = []
    for epoch in range(epochs):
        for part in minibatches(decisions, settings.minibatches, seed, epoch):
            actor.clear()
            _add_gradients(actor, part, loss, epoch)
            norms.append(actor.step(settings.grad_clip))
    return torch.stack(norms)


def _add_gradients(actor: Actor, part: Decisions, loss: Loss, epoch: int) -> None:
    """Gradient of minus the mean gain into the leaf, block by block: no agent's loss reads another's network."""
    live = int(part.live.sum())
    for own, block in blocks(actor, part):
        value = -live_mean(loss(own, block)[0], block.live, actor.per_agent, live)
        if not bool(value.isfinite()):
            raise NonFiniteError(f"actor loss is {float(value.detach())} in epoch {epoch}")
        value.backward()


def blocks(actor: Actor, decisions: Decisions) -> Iterator[tuple[Actor, Decisions]]:
    """A few agents at a time with their parameters, so that a block's arrays stay in cache, and rows up to the last
    decision among them only. Agents are best ordered by their number of decisions (`_prepared`)."""
    if actor.order is None and _in_one_block(actor, decisions):
        yield actor, decisions
        return
    lengths, k = decisions.lengths().tolist(), decisions.seen.mask.shape[-1]
    low = 0
    while low < len(lengths):
        high = low + max(1, BLOCK_ROWS // (max(lengths[low], 1) * k))
        agents = slice(low, high)
        yield actor.agents(agents), decisions.agents(agents, max(1, *lengths[agents]))
        low = high


def _in_one_block(actor: Actor, decisions: Decisions) -> bool:
    """Whether all fit into one block; always with a prior, which may look at all agents at once."""
    policy = actor.policy
    has_prior = offers(policy, HasPrior) and policy.prior is not None
    return decisions.seen.mask.numel() <= BLOCK_ROWS or has_prior


def sums(live: Tensor, ratio: Tensor, bonus: Tensor, clip: float) -> Tensor:
    """Of every agent's live decisions, see AgentFacts: arrays [L, N] -> [4, N] float64."""
    outside = ((ratio - 1.0).abs() > clip) & live
    tiny = torch.finfo(ratio.dtype).tiny  # a ratio that underflows would make the log infinite
    kl = torch.where(live, ratio - 1.0 - ratio.clamp(min=tiny).log(), torch.zeros_like(ratio))
    return torch.stack([values.sum(0, dtype=torch.float64) for values in (live, outside, kl, bonus)])


def minibatches(decisions: Decisions, count: int, seed: int, epoch: int) -> Iterator[Decisions]:
    """Split the L axis at random into `count` parts; the whole when count is 1 (or L < count)."""
    length = len(decisions.live)
    if count == 1 or length < count:
        yield decisions
        return
    order = torch.randperm(length, generator=generator(seed, 7, epoch)).to(decisions.live.device)
    for index in order.tensor_split(count):
        yield decisions.rows(index)
