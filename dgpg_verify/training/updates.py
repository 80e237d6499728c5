"""How an iteration's decisions change the actor: clipped surrogate (PPO) or one plain policy-gradient step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from dgpg_verify.core import NonFiniteError, generator
from dgpg_verify.training.batch import Decisions
from dgpg_verify.training.losses import clipped_surrogate, entropy, live_mean, log_probabilities
from dgpg_verify.training.networks import Actor
from dgpg_verify.training.settings import Settings

Loss = Callable[[Decisions], tuple[Tensor, Tensor, Tensor]]


@dataclass(frozen=True)
class UpdateFacts:
    """What an update did, at the parameters it ended with: share of decisions outside the clip, approximate
    KL(old, new) and entropy per decision; and the mean gradient norm of a network before clipping."""

    clipped: float
    kl: float
    entropy: float
    gradient_norm: float


def chosen_log_prob(actor: Actor, decisions: Decisions) -> tuple[Tensor, Tensor]:
    """log pi of the actions taken and the entropy, both [L, N]; 0 where nothing was decided."""
    log_probs = log_probabilities(actor.policy.logits(decisions.seen), decisions.seen.mask)
    chosen = log_probs.gather(-1, decisions.actions.clamp(min=0)[..., None])[..., 0]
    zero = torch.zeros_like(chosen)
    bonus = entropy(log_probs, decisions.seen.mask)
    return torch.where(decisions.live, chosen, zero), torch.where(decisions.live, bonus, zero)


def ppo(actor: Actor, decisions: Decisions, settings: Settings, seed: int) -> UpdateFacts:
    """`epochs` passes of the clipped surrogate with entropy bonus. seed: order of the minibatches."""
    return _passes(actor, decisions, settings, seed, settings.epochs, _surrogate(actor, settings))


def ppo_norms(actor: Actor, decisions: Decisions, settings: Settings, seed: int) -> list[float]:
    """The same update without its facts, which cost one more pass; the gradient norm of every step."""
    return _descend(actor, decisions, settings, seed, settings.epochs, _surrogate(actor, settings))


def _surrogate(actor: Actor, settings: Settings) -> Loss:
    def loss(part: Decisions) -> tuple[Tensor, Tensor, Tensor]:
        log_prob, bonus = chosen_log_prob(actor, part)
        ratio = (log_prob - part.old_log_prob).exp()
        gain = clipped_surrogate(ratio, part.weight, settings.clip) + settings.entropy * bonus
        return -live_mean(gain, part.live, actor.per_agent), ratio, bonus

    return loss


def plain_gradient(actor: Actor, decisions: Decisions, settings: Settings, seed: int) -> UpdateFacts:
    """One step along sum_t w_t grad log pi_t, averaged over live decisions: REINFORCE with whatever credit."""

    def loss(part: Decisions) -> tuple[Tensor, Tensor, Tensor]:
        log_prob, bonus = chosen_log_prob(actor, part)
        gain = log_prob * part.weight + settings.entropy * bonus
        ratio = (log_prob - part.old_log_prob).exp()
        return -live_mean(gain, part.live, actor.per_agent), ratio, bonus

    return _passes(actor, decisions, settings, seed, 1, loss)


def imitate(actor: Actor, decisions: Decisions, settings: Settings, seed: int) -> UpdateFacts:
    """Raise log pi of `decisions.actions`, here what a reference controller would have done."""

    def loss(part: Decisions) -> tuple[Tensor, Tensor, Tensor]:
        log_prob, bonus = chosen_log_prob(actor, part)
        return -live_mean(log_prob, part.live, actor.per_agent), (log_prob - part.old_log_prob).exp(), bonus

    return _passes(actor, decisions, settings, seed, settings.epochs, loss)


def _passes(actor: Actor, decisions: Decisions, settings: Settings, seed: int, epochs: int, loss: Loss) -> UpdateFacts:
    norms = _descend(actor, decisions, settings, seed, epochs, loss)
    with torch.no_grad():
        _, ratio, bonus = loss(decisions)
        return facts(decisions, ratio, bonus, settings.clip, norms)


def _descend(actor: Actor, decisions: Decisions, settings: Settings, seed: int, epochs: int, loss: Loss) -> list[float]:
    norms: list[float] = []
    for epoch in range(epochs):
        for part in minibatches(decisions, settings.minibatches, seed, epoch):
            value = loss(part)[0]
            if not bool(value.isfinite()):
                raise NonFiniteError(f"actor loss is {float(value.detach())} in epoch {epoch}")
            norms.append(actor.descend(value, settings.grad_clip))
    return norms


def facts(decisions: Decisions, ratio: Tensor, bonus: Tensor, clip: float, norms: list[float]) -> UpdateFacts:
    """Summary over live decisions."""
    live, count = decisions.live, decisions.live.sum().clamp(min=1)
    outside = ((ratio - 1.0).abs() > clip) & live
    tiny = torch.finfo(ratio.dtype).tiny  # a ratio that underflows would make the log infinite
    kl = torch.where(live, ratio - 1.0 - ratio.clamp(min=tiny).log(), torch.zeros_like(ratio))
    return UpdateFacts(
        clipped=float(outside.sum() / count),
        kl=float(kl.sum() / count),
        entropy=float(bonus.sum() / count),
        gradient_norm=sum(norms) / max(len(norms), 1),
    )


def minibatches(decisions: Decisions, count: int, seed: int, epoch: int) -> Iterator[Decisions]:
    """Split the L axis at random into `count` parts; the whole when count is 1 (or L < count)."""
    length = len(decisions.live)
    if count == 1 or length < count:
        yield decisions
        return
    order = torch.randperm(length, generator=generator(seed, 7, epoch)).to(decisions.live.device)
    for index in order.tensor_split(count):
        yield decisions.rows(index)
