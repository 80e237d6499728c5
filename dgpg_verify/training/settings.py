"""Options of a training run, with the reference values of on-policy practice as defaults.

Defaults are MAPPO's as its authors run it (Yu et al. 2022, on-policy repository); HAPPO's differ in `epochs` and in
normalising advantages per agent. Each trick can be switched off by name. Where its authors have ReLU units we have
tanh, with the gain for tanh; whether parameters are shared is the caller's choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from dgpg_verify.core import InputError, System, check_choice, check_int, check_real
from dgpg_verify.credits import SETTINGS
from dgpg_verify.policies.initialise import INITIALISATIONS, Initialisation
from dgpg_verify.policies.layers import check_widths
from dgpg_verify.systems import PowerDispatch

NORMALISATIONS = ("batch", "agent", "none")
Usual = tuple[int, Mapping[str, Any]]

# Episodes and settings where nothing else is asked. The defaults of `Settings` are for episodes of many steps. With one
# step and one roll-out an iteration, all agents have a single advantage in common, which normalising takes off: MAPPO
# learns nothing, DG-PG from guidance alone. So systems of one step take several roll-outs, compare each agent's
# decisions with its own, and put return and guidance on one scale, whatever their units; and as an agent always sees
# the same, small networks do, at a larger step.
LONG: Usual = (20, {})
ONE_STEP: Usual = (1280, {
    "rollouts": 32, "advantage_norm": "agent", "setting": "both", "actor_lr": 1e-2, "hidden": 16, "entropy": 0.0,
})  # fmt: skip
# Every generator meets the noise of the one balance that all share, which grows with N: fewer passes over more.
POWER: Usual = (10240, {**ONE_STEP[1], "rollouts": 64, "epochs": 4})


@dataclass(frozen=True)
class Settings:
    """Options of one run; immutable, checked on construction.

    discount, lam: of generalised advantage estimation. clip: of the surrogate (and of the value when
    `value_clip`). epochs, minibatches: passes over one iteration's decisions; minibatches split the actor's
    steps (the critic takes all at once).
    rollouts: episodes per iteration. grad_clip: largest gradient norm of one network (one agent's, or the shared
    one). entropy: bonus per decision. huber: where the value loss turns linear (None = squared error).
    value_norm: learn normalised targets. advantage_norm: "batch" (all live decisions), "agent" (each agent its own)
    or "none". setting: relative scale of the two parts of DG-PG's credit ("mean" scales both
    alike, which advantage_norm undoes). hidden: width of both hidden layers of
    every network. initialisation: "orthogonal" or "gaussian" weights; gain: of the actor's last layer at the start
    (the critic's has 1). feature_norm, layer_norm: layer normalisation of the input features and after each hidden
    layer, in actor and critic. imitation_share: share of the episodes that
    `imitation` and `guided_search` spend imitating. heuristic: what these imitate and `residual` starts from, there
    divided by `temperature`. teacher_share: s when `guided_search` has just imitated; it then raises (1 - s) of the
    surrogate minus s KL(heuristic, policy), and s falls to 0 at the end of the run. kl_limit: of `hatrpo`, the most
    that an agent's KL(old, new) of a decision may be.

    Of `value:...`, which reads actor_lr and epochs as step size and as updates an iteration, and takes value_norm to
    standardise rewards: buffer, most episodes kept; batch, joint steps of an update; target_every, updates between
    copies to the target networks; explore, last epsilon, reached from 1 after explore_share of the run. Of
    `value:mean_field`: temperature, of the policies whose mean action is answered, on the scale of what is learned.
    """

    discount: float = 0.99
    lam: float = 0.95
    clip: float = 0.2
    epochs: int = 10
    minibatches: int = 1
    rollouts: int = 1
    actor_lr: float = 5e-4
    critic_lr: float = 5e-4
    adam_eps: float = 1e-5
    grad_clip: float = 10.0
    entropy: float = 0.01
    huber: float | None = 10.0
    value_clip: bool = True
    value_norm: bool = True
    advantage_norm: str = "batch"
    setting: str = "sum"
    hidden: int = 64
    initialisation: Initialisation = "orthogonal"
    gain: float = 0.01
    feature_norm: bool = True
    layer_norm: bool = True
    imitation_share: float = 0.5
    heuristic: str = "best_fit"
    temperature: float = 0.3
    teacher_share: float = 0.5
    kl_limit: float = 0.01
    buffer: int = 5000
    batch: int = 256
    target_every: int = 200
    explore: float = 0.05
    explore_share: float = 0.5

    def __post_init__(self) -> None:
        for name in ("discount", "lam", "imitation_share", "teacher_share", "explore", "explore_share"):
            check_real(name, getattr(self, name), 0.0, 1.0)
        for name in ("clip", "actor_lr", "critic_lr", "adam_eps", "grad_clip", "temperature", "kl_limit"):
            check_real(name, getattr(self, name), 0.0, open_low=True)
        for name in ("epochs", "minibatches", "rollouts", "hidden", "buffer", "batch", "target_every"):
            check_int(name, getattr(self, name), 1)
        for name in ("entropy", "gain"):
            check_real(name, getattr(self, name), 0.0)
        if self.huber is not None:
            check_real("huber", self.huber, 0.0, open_low=True)
        for name in ("value_clip", "value_norm", "feature_norm", "layer_norm"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name} = {getattr(self, name)!r} is not allowed: it must be True or False")
        check_widths(self.layer_norm, False, self.hidden, 0)
        check_choice("advantage_norm", self.advantage_norm, NORMALISATIONS)
        check_choice("setting", self.setting, SETTINGS)
        check_choice("initialisation", self.initialisation, INITIALISATIONS)

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """A copy with some values replaced. Raises InputError on a name that does not exist."""
        known = [field.name for field in fields(self)]
        for name in changes:
            check_choice("setting of a run", name, known)
        return replace(self, **changes)

    def network_options(self) -> dict[str, Any]:
        """What the networks of actors and critics have in common, but for their width."""
        return {name: getattr(self, name) for name in ("initialisation", "layer_norm", "feature_norm")}


def usual_settings(system: System, episodes: int) -> dict[str, Any]:
    """Settings of `system` where nothing else is asked, which replace a method's preset; none where episodes have many
    steps. As many roll-outs an iteration as there, or the most below that divide the episodes."""
    settings = _usual(system)[1]
    most = settings.get("rollouts", 0)
    return {**settings, **({"rollouts": max(k for k in range(1, most + 1) if episodes % k == 0)} if most else {})}


def usual_episodes(system: System) -> int:
    """Episodes of a run where nothing else is asked."""
    return _usual(system)[0]


def _usual(system: System) -> Usual:
    return POWER if isinstance(system, PowerDispatch) else ONE_STEP if system.horizon == 1 else LONG
