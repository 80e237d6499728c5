"""What a system, a policy or a credit may offer beyond the contract, and what happens where it does not.

Every ability is a protocol; an object offers it by having its members. Shapes as in `core.contract`.

ability             members                               without it
HasRemovalRewards   removal_rewards                       the default "no action" is re-stepped agent by agent
HasRemovalGains     removal_gains                         the rest of the episode is replayed for each decision
HasReplacedRewards  replaced_rewards                      given default actions are re-stepped agent by agent
HasResidenceSteps   residence_steps                       guidance:multi_step is refused
HasStateUnits       state_units                           guidance:demand is refused
HasSplitRewards     split_rewards                         local:HOPS is refused
HasHeuristics       heuristic_names, heuristic_scores     no priors, no imitation, no scores on held-out workloads
HasJointRules       joint_rules, joint_actions            rules that look at all agents at once are not compared with
HasActionInfluence  influence                             refused with a policy that has a default action
HasRefusals         refusal                               every credit that needs no ability above is measured
HasDefaultAction    default_action                        an agent is compared with "no action"
HasDecide           decide                                act() and log_prob() are called one after the other
HasDecideFully      decide_fully, score_products          score_products() computes the probabilities again
HasScoreBlocks      score_blocks                          all agents' gradients of a chunk exist at once
HasActionBlocks     action_blocks                         weights of all actions take a score_products() for each
HasProbabilities    probabilities                         no greedy evaluation, enumeration or weights of all actions
HasPrepared         prepared                              every pass of an update reads the plain observations
HasPrior            prior                                 nothing is added to the policy's own logits
HasUnbiased         unbiased                              the credit is not known to have mean grad J
HasCombination      combination                           the credit's gradients are measured directly
HasActionWeights    action_weights                        a credit weighs the score of the action taken alone
HasCritic           critic                                no explained variance is reported
HasFurther          further, state, with_state            a learner fits the credit anew in every iteration
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Protocol, TypeGuard, TypeVar

from torch import Tensor

from dgpg_verify.core.contract import Credit, Influence, Observation, Policy, Rollout

Ability = TypeVar("Ability")


def offers(value: object, ability: Callable[..., Ability]) -> TypeGuard[Ability]:
    """Whether `value` has all members of a protocol. Unlike isinstance, it also sees, in every version of Python, what
    a wrapper passes on by `__getattr__`."""
    return not lacking(value, ability)


def lacking(value: object, protocol: Callable[..., Any]) -> list[str]:
    """The members of a protocol that `value` does not have, as they are declared."""
    return [name for name in _members(protocol) if not hasattr(value, name)]


@cache
def _members(protocol: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(name for name in vars(protocol) if name == "__call__" or not name.startswith("_"))


# ---- systems ----


class HasRemovalRewards(Protocol):
    """A closed form of the default "no action"."""

    def removal_rewards(self, state: Any, actions: Tensor) -> Tensor:
        """Reward of this step had agent i alone not acted, for each i: [B, N]. actions [B, N]."""
        ...


class HasRemovalGains(Protocol):
    """A fast replay of episodes without one action."""

    def removal_gains(self, start: Any, actions: Tensor) -> Tensor:
        """Discounted return of the episode minus that had agent i alone not acted at step t, all other actions as they
        were: [B, T, N] float64. start: the first state; actions [B, T, N]."""
        ...


class HasReplacedRewards(Protocol):
    """A closed form of given default actions."""

    def replaced_rewards(self, state: Any, actions: Tensor, replacements: Tensor, /) -> Tensor:
        """Reward of this step had agent i alone played replacements[:, i], for each i: [B, N]. Both actions [B, N]."""
        ...


class HasResidenceSteps(Protocol):
    """A system whose jobs stay for several steps."""

    def residence_steps(self, state: Any) -> Tensor:
        """Steps for which an agent's job would stay on each candidate, by a fluid model: [B, N, K], 0 = no job."""
        ...


class HasStateUnits(Protocol):
    """A system whose state is a share of something that is measured in units of its own."""

    @property
    def state_units(self) -> Tensor:
        """What a share of 1 is, [D]: the capacity of each coordinate of x in the units of the agents' demands."""
        ...


class HasSplitRewards(Protocol):
    """A reward that is a sum over the coordinates of the state and over the agents."""

    def split_rewards(self, state: Any, actions: Tensor, /) -> tuple[Tensor, Tensor]:
        """What each coordinate [B, D] and each agent's own action [B, N] adds to the reward of this step; actions
        [B, N]."""
        ...


class HasHeuristics(Protocol):
    """Simple rules that rank the candidates from what the policies see."""

    @property
    def heuristic_names(self) -> Sequence[str]: ...

    def heuristic_scores(self, name: str, seen: Observation) -> Tensor:
        """Preference for each candidate, [..., N, K], higher is better."""
        ...


class HasJointRules(Protocol):
    """Rules of the field that choose for all agents at once, from more than what each of them sees."""

    @property
    def joint_rules(self) -> Sequence[str]: ...

    def joint_actions(self, name: str, seen: Observation) -> Tensor:
        """Actions of all agents, [..., N]."""
        ...


class HasActionInfluence(Protocol):
    """A continuous system, whose influence is measured from a default action that only the policy knows."""

    def influence(self, delta: Tensor, /) -> Influence:
        """What deviations [B, N] from the default action add to the state."""
        ...


class HasRefusals(Protocol):
    """A system without a model of its state, or without a step in which an agent takes no part."""

    def refusal(self, credit: str, /) -> str | None:
        """Why a credit of this name cannot be measured, in one line; None where it can."""
        ...


def refusal(system: object, credit: str) -> str | None:
    """Why a credit of this name cannot be measured on a system; None where nothing speaks against it."""
    return system.refusal(credit) if offers(system, HasRefusals) else None


def heuristic_names(system: object) -> tuple[str, ...]:
    """The heuristics a system offers, () for one without any."""
    return tuple(system.heuristic_names) if offers(system, HasHeuristics) else ()


def joint_rules(system: object) -> tuple[str, ...]:
    """The joint rules a system offers, () for one without any."""
    return tuple(system.joint_rules) if offers(system, HasJointRules) else ()


# ---- policies ----


class HasDefaultAction(Protocol):
    """A policy that compares an agent's action with another default than "no action"."""

    def default_action(self, seen: Observation) -> Tensor:
        """The default of each agent, [..., N]."""
        ...


class HasDecide(Protocol):
    """act() and log_prob() in one pass."""

    def decide(self, seen: Observation, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Actions and their log-probabilities, both [B, N]; uniforms [B, N, U]."""
        ...


class HasDecideFully(Protocol):
    """decide() with all probabilities, from which score_products() makes the scores."""

    def decide_fully(self, seen: Observation, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Actions and their log-probabilities [B, N], probabilities of all candidates [B, N, K]."""
        ...

    def score_products(self, rollout: Rollout, weights: Tensor, probabilities: Tensor | None = None) -> Tensor:
        """sum_t w_t psi_t for C credits' weights [C, B, T, N]: [C, B, N, P]; probabilities [B, T, N, K] of the whole
        roll-out, where they are known."""
        ...


class HasScoreBlocks(Protocol):
    """score_products() for one block of agents after another."""

    def score_blocks(self, rollout: Rollout, weights: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """(agents, [C, B, n, P]) for blocks that are together all agents; weights [C, B, T, N]."""
        ...


class HasActionBlocks(Protocol):
    """A policy that weighs the scores of all actions of an agent as cheaply as that of the action taken."""

    def action_blocks(
        self, rollout: Rollout, weights: Tensor, action_weights: Tensor, /
    ) -> Iterator[tuple[slice, Tensor]]:
        """score_blocks() of C scalar credits [C, B, T, N] and, after them, of A credits that weigh all actions
        [A, B, T, N, K], 0 where an agent is not active: (agents, [C + A, B, n, P]), the last A being
        sum_t sum_k pi_k psi_k w_t,k."""
        ...


class HasProbabilities(Protocol):
    """A policy that chooses among candidates."""

    def probabilities(self, seen: Observation) -> Tensor:
        """Probability of each candidate, [..., N, K] float64."""
        ...


class HasPrepared(Protocol):
    """A policy that can do once what many passes over the same decisions would repeat."""

    def prepared(self, seen: Observation) -> tuple[Policy, Observation]:
        """An equal policy and observation [L, N, ...] that are read faster."""
        ...


class HasPrior(Protocol):
    """A policy on top of fixed logits."""

    @property
    def prior(self) -> Callable[[Observation], Tensor] | None:
        """Observation -> logits [..., N, K]; None = none."""
        ...


# ---- credits ----


class HasUnbiased(Protocol):
    """A credit that knows whether its mean is grad J. The quietest unbiased one serves as target."""

    def unbiased(self, rollout: Rollout) -> bool:
        """Whether the mean gradient is grad J on the system and the policy of `rollout`."""
        ...


class HasCombination(Protocol):
    """A fitted credit that is a weighted sum of others: its moments follow from theirs."""

    def combination(self) -> Sequence[tuple[float, Credit]]:
        """(factor, credit) for each term."""
        ...


class HasActionWeights(Protocol):
    """A credit that weighs the score of every action that its agent could take, not of the one taken alone.

    Its gradient is sum_t sum_k pi_k psi_k w_t,k, the mean of psi w over the agent's own action. Called as a `Credit` it
    gives the weight of the action taken: the same mean gradient, with the noise of that action.
    """

    def action_weights(self, rollout: Rollout, /) -> Tensor:
        """[B, T, N, K] float64, finite; what it is for an action that is not allowed does not matter."""
        ...


class HasFurther(Protocol):
    """A credit whose critic goes on from one iteration of a learner to the next."""

    def further(self, pilot: Sequence[Rollout]) -> Credit:
        """Fitted on from what it is."""
        ...

    def state(self) -> dict[str, Any]:
        """Tensors and numbers from which it goes on."""
        ...

    def with_state(self, stored: Mapping[str, Any]) -> Credit:
        """A credit that was fitted on the same system, as it was at `state()`."""
        ...


class HasCritic(Protocol):
    """A credit that compares with a fitted value function."""

    @property
    def critic(self) -> Any:
        """The value function with its `explained_variance`; None = not fitted yet."""
        ...
