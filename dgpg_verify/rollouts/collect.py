"""Play a policy on a system with given noise. One code for measuring and for training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dgpg_verify.core import Influence, Noise, NonFiniteError, Observation, Policy, Rollout, System, Transition


def collect(system: System, policy: Policy, noise: Noise, keep_states: bool = False) -> Rollout:
    """Roll out B = len(noise) episodes of T steps; a pure function of its arguments.

    Args:
        noise: environment [B, T, E], agents [B, T, N, U].
        keep_states: keep the T pre-step states, for counterfactual re-runs (memory T x state).

    Returns:
        Rollout with leading axes [B, T].

    Raises:
        NonFiniteError: a reward or state is NaN or infinite; names roll-out and step.

    Cost: T x (observe + act + step), no loop over roll-outs, agents or servers.
    """
    steps: list[tuple[Observation, Tensor, Tensor, Transition]] = []
    states: list[Any] = []
    with torch.no_grad():
        state = system.start(noise.environment)
        for t in range(system.horizon):
            if keep_states:
                states.append(state)
            seen = system.observe(state)
            actions, log_prob = _decide(policy, seen, noise.agents[:, t])
            transition = system.step(state, actions)
            influence = _influence(system, policy, seen, actions, transition)
            steps.append((seen, actions, log_prob, _with(transition, influence)))
            state = transition.next_state
    rollout = _stack(system, policy, noise, steps, states if keep_states else None)
    _check(rollout)
    return rollout


def _decide(policy: Policy, seen: Observation, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Actions and their log-probabilities, in one pass where the policy offers it."""
    if hasattr(policy, "decide"):
        both: tuple[Tensor, Tensor] = policy.decide(seen, noise)
        return both
    actions = policy.act(seen, noise)
    return actions, policy.log_prob(seen, actions)


def _influence(system: System, policy: Policy, seen: Observation, actions: Tensor, transition: Transition) -> Influence:
    """Continuous systems measure an action against the policy's mean, discrete ones against no action."""
    if system.n_actions == 0 and hasattr(policy, "default_action"):
        deviation: Influence = system.influence(actions - policy.default_action(seen))  # type: ignore[attr-defined]
        return deviation
    return transition.influence


def _with(transition: Transition, influence: Influence) -> Transition:
    return Transition(
        None, transition.reward, transition.x_observed, transition.x, transition.reference, influence, transition.done
    )


def _stack(
    system: System,
    policy: Policy,
    noise: Noise,
    steps: list[tuple[Observation, Tensor, Tensor, Transition]],
    states: list[Any] | None,
) -> Rollout:
    seen, actions, log_prob, transitions = zip(*steps, strict=True)

    def join(values: list[Tensor]) -> Tensor:
        return values[0].unsqueeze(1) if len(values) == 1 else torch.stack(values, dim=1)

    def of(name: str) -> Tensor:
        return join([getattr(transition, name) for transition in transitions])

    observation = Observation(
        join([s.features for s in seen]), join([s.mask for s in seen]), join([s.active for s in seen])
    )
    return Rollout(
        system=system,
        policy=policy,
        noise=noise,
        seen=observation,
        active=observation.active,
        actions=join(list(actions)),
        log_prob=join(list(log_prob)),
        reward=of("reward"),
        x_observed=of("x_observed"),
        x=of("x"),
        reference=of("reference"),
        influence=Influence(
            join([t.influence.index for t in transitions]), join([t.influence.value for t in transitions])
        ),
        states=states,
    )


def _check(rollout: Rollout) -> None:
    for name in ("reward", "x", "reference"):
        values = getattr(rollout, name)
        if not bool(values.sum().isfinite()):
            bad = (~values.isfinite()).nonzero()
            if len(bad):
                where = bad[0].tolist()
                raise NonFiniteError(f"{name} is not finite at roll-out {where[0]}, step {where[1]}")
