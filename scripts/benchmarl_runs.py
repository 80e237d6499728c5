"""Train with the algorithms of BenchMARL on systems of this package, beside our own, and print both in one table.

    python -m venv benchmarl && . benchmarl/bin/activate
    pip install -e '.[pettingzoo]' -c requirements.lock
    pip install --no-deps benchmarl==1.5.2 torchrl==0.11.1 tensordict==0.11.0
    pip install hydra-core cloudpickle importlib_metadata orjson 'pyvers<0.3'
    python scripts/benchmarl_runs.py cloud --out runs.json
    python scripts/benchmarl_runs.py --table --out runs.json

An environment of its own, and without torchvision and av, which BenchMARL asks for and needs for videos alone: they
would bring another torch than that of our lock. BenchMARL plays through `to_parallel_env`, with training workloads of
its own; fleets or towns (`--seeds`), held-out workloads and the draws of actions on them are those of our runs.

Each run is one record of the JSON list `--out`, written when it ends; runs that are there already are not repeated.
A record holds system, implementation, algorithm, setting, seed, all options, versions, the held-out returns of the
rules, and `curve`: joint samples, episodes, mean held-out return, score (Random = 0, the field's rule = 1; in the
cloud Best-Fit) of drawn and, as `greedy`, of most probable actions. Cost: 500 episodes of 30 steps on the cloud with
N = 5 take about 95 s of processor time, and 15 s where the implementation is ours.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import count, product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgpg_verify.bridges import to_parallel_env
from dgpg_verify.claims.training.tried import PRACTICE
from dgpg_verify.core import Observation, System
from dgpg_verify.policies.softmax import inverse_cdf
from dgpg_verify.reporting.domains.foreign import CLOSER, markdown, runs_table
from dgpg_verify.rollouts.play import play
from dgpg_verify.systems.registry import make_system
from dgpg_verify.training import train
from dgpg_verify.training.evaluation import Heldout, evaluate, heldout, workloads_at_a_time

ON_POLICY, OFF_POLICY = ("mappo", "ippo"), ("iql", "vdn", "qmix")
RULES = {"cloud": "best_fit", "road_network": "user_equilibrium"}  # score 1
EPISODES = {"cloud": 500, "road_network": 1280}
EVALUATIONS = 20
GROUP = "agent"  # of `to_parallel_env`'s agents, as torchrl names it
# Of `ExperimentConfig` and of the algorithm's; PRACTICE and our preset in BenchMARL's words, but for the critic's step:
# there is one for both networks.
TUNED: Mapping[str, Mapping[str, Any]] = {
    "cloud": {"gamma": PRACTICE["discount"], "lr": PRACTICE["actor_lr"], "batch": PRACTICE["rollouts"], "epochs": 10,
              "lmbda": 0.95, "entropy_coef": 0.01},
    "road_network": {"gamma": 0.99, "lr": 1e-2, "batch": 32, "epochs": 10, "lmbda": 0.95, "entropy_coef": 0.0},
}  # fmt: skip
# To find out why scores differ: one thing more at a time of what ours does and BenchMARL does not.
# CLOSER: advantages over the batch; and the network scores candidates, each by itself.
SETTINGS = ("defaults", "tuned", *CLOSER)
Record = dict[str, Any]
Report = Callable[[int, float, float], None]  # joint samples, mean returns of drawn and of most probable actions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("system", nargs="?", choices=RULES, default="cloud")
    parser.add_argument("--agents", type=int, default=5)
    parser.add_argument("--horizon", type=int, default=100, help="of the cloud")
    parser.add_argument("--episodes", type=int, help="500 on the cloud, 1280 on roads")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--algorithms", nargs="+", choices=(*ON_POLICY, *OFF_POLICY), default=ON_POLICY)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=SETTINGS[:2])
    parser.add_argument("--implementations", nargs="+", choices=IMPLEMENTATIONS, default=tuple(IMPLEMENTATIONS))
    parser.add_argument("--out", type=Path, default=Path("benchmarl.json"))
    parser.add_argument("--table", action="store_true", help="train nothing")
    asked = parser.parse_args()
    records = json.loads(asked.out.read_text()) if asked.out.exists() else []
    for wanted in () if asked.table else _missing(asked, records):
        record = _run(wanted)
        records.append(record)
        asked.out.write_text(json.dumps(records, indent=1) + "\n")
        kind = ", ".join(record[name] for name in ("algorithm", "setting", "implementation"))
        print(f"{kind}, seed {record['seed']}: {record['curve'][-1]}, {record['seconds']:.0f} s", flush=True)
    print(markdown(runs_table(records)))


def _missing(asked: argparse.Namespace, records: Sequence[Record]) -> Iterator[Record]:
    """The runs that are asked for and not there, seed by seed."""
    options = {"horizon": asked.horizon} if asked.system == "cloud" else {}
    ways = product(asked.seeds, asked.settings, asked.algorithms, asked.implementations)
    for seed, setting, algorithm, implementation in ways:
        if sum((implementation == "ours", setting in CLOSER, algorithm in OFF_POLICY)) > 1:
            continue  # ours has neither
        record = {"system": asked.system, "n_agents": asked.agents, "options": options, "seed": seed,
                  "implementation": implementation, "algorithm": algorithm, "setting": setting,
                  "episodes": asked.episodes or EPISODES[asked.system]}  # fmt: skip
        if not any(record.items() <= known.items() for known in records):
            yield record


def _run(record: Record) -> Record:
    """Train, evaluate along the way, and fill in the record."""
    system = make_system(record["system"], record["n_agents"], record["seed"], **record["options"])
    held, began, curve = heldout(system, record["seed"]), time.process_time(), []
    random, rule = (float(held.references[name].mean()) for name in ("random", RULES[record["system"]]))

    def report(samples: int, drawn: float, greedy: float) -> None:
        scores = {name: (mean - random) / (rule - random) for name, mean in (("score", drawn), ("greedy", greedy))}
        curve.append({"samples": samples, "episodes": samples // system.horizon, "mean": drawn, **scores})

    asked = IMPLEMENTATIONS[record["implementation"]](record, system, held, report)
    rules = {name: float(returns.mean()) for name, returns in held.references.items()}
    return {**record, "asked": asked, "rules": rules, "curve": curve, "seconds": time.process_time() - began}


def _ours(record: Record, system: System, held: Heldout, report: Report) -> dict[str, Any]:
    """The rows of C4.2: the preset with parameters of each agent's own, or PRACTICE with shared ones."""
    tuned = record["setting"] == "tuned"
    changes = {**PRACTICE} if tuned and record["system"] == "cloud" else {}

    def observe(episode: int, policy: Any) -> None:
        means = [evaluate(policy, held, greedy).mean for greedy in (False, True)]
        report(episode * system.horizon, *means)

    run = train(
        system, record["algorithm"], record["episodes"], record["seed"], sharing="shared" if tuned else "independent",
        evaluate_every=max(1, record["episodes"] // EVALUATIONS), progress=False, observe=observe, **changes,
    )  # fmt: skip
    return dict(run.config)


def _benchmarl(record: Record, system: System, held: Heldout, report: Report) -> dict[str, Any]:
    """One experiment of BenchMARL's, as it would be run there, with our evaluation as a callback."""
    import benchmarl.algorithms
    from benchmarl.experiment import Experiment
    from benchmarl.models.mlp import MlpConfig

    warnings.filterwarnings("ignore", module="torchrl|tensordict")
    name, setting = record["algorithm"], record["setting"]
    tuned = {} if setting == "defaults" else TUNED[record["system"]]
    algorithm = getattr(benchmarl.algorithms, f"{name.capitalize()}Config").get_from_yaml()
    for option in ("lmbda", "entropy_coef"):
        if option in tuned and hasattr(algorithm, option):
            setattr(algorithm, option, tuned[option])
    actor, critic = MlpConfig.get_from_yaml(), MlpConfig.get_from_yaml()
    actor.num_feature_dims = 2  # an agent sees [K, F]
    actor = _scorer() if setting == "candidates" else actor
    critic.num_feature_dims = 1 if name == "mappo" else 2  # MAPPO's sees the whole state, [N K F]
    with tempfile.TemporaryDirectory() as folder:
        config = _experiment(tuned, record["episodes"] * system.horizon, system.horizon, folder)
        experiment = Experiment(
            _task(system, record["seed"]), algorithm, actor, record["seed"], config, critic,
            [_watch(held, report, record["episodes"] * system.horizon // EVALUATIONS)],
        )  # fmt: skip
        if setting in CLOSER:
            experiment.losses[GROUP].normalize_advantage = True
        experiment.run()
    of = {package: version(package) for package in ("benchmarl", "torchrl", "tensordict", "torch")}
    options = {name: value for name, value in asdict(config).items() if name != "save_folder"}
    kept = {"experiment": options, "algorithm": asdict(algorithm), "actor": asdict(actor), "versions": of}
    return json.loads(json.dumps(kept, default=str))


IMPLEMENTATIONS = {"benchmarl": _benchmarl, "ours": _ours}


def _experiment(tuned: Mapping[str, Any], samples: int, horizon: int, folder: str) -> Any:
    """BenchMARL's defaults, or what is tuned of them, for no more joint samples than asked (at least one batch)."""
    from benchmarl.experiment import ExperimentConfig

    config = ExperimentConfig.get_from_yaml()
    config.evaluation, config.create_json, config.loggers, config.save_folder = False, False, [], folder
    frames = config.on_policy_collected_frames_per_batch
    if tuned:
        config.gamma, config.lr = tuned["gamma"], tuned["lr"]
        steps_of_old = config.off_policy_n_optimizer_steps / config.off_policy_collected_frames_per_batch
        frames = tuned["batch"] * horizon
        config.on_policy_collected_frames_per_batch = config.off_policy_collected_frames_per_batch = frames
        config.on_policy_n_envs_per_worker = config.off_policy_n_envs_per_worker = tuned["batch"]
        config.on_policy_minibatch_size, config.on_policy_n_minibatch_iters = frames, tuned["epochs"]
        config.off_policy_n_optimizer_steps = max(1, round(steps_of_old * frames))
    config.max_n_frames = max(1, samples // frames) * frames
    return config


def _scorer() -> Any:
    """A network of ours as a model of BenchMARL's: one MLP, shared by all agents, reads each candidate by itself."""
    from benchmarl.models.common import Model, ModelConfig

    class Scorer(Model):
        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            width = self.input_leaf_spec.shape[-1]
            self.network = torch.nn.Sequential(
                torch.nn.LayerNorm(width, elementwise_affine=False),
                torch.nn.Linear(width, 64), torch.nn.Tanh(), torch.nn.LayerNorm(64, elementwise_affine=False),
                torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.LayerNorm(64, elementwise_affine=False),
                torch.nn.Linear(64, 1, bias=False),
            )  # fmt: skip
            torch.nn.init.orthogonal_(self.network[-1].weight, 0.01)

        def _forward(self, tensordict: Any) -> Any:
            return tensordict.set(self.out_key, self.network(tensordict.get(self.in_key)).squeeze(-1))

    @dataclass
    class ScorerConfig(ModelConfig):
        @staticmethod
        def associated_class() -> type[Model]:
            return Scorer

        def __reduce__(self) -> Any:  # as below
            return str, ("scorer",)

    return ScorerConfig()


def _task(system: System, seed: int) -> Any:
    """The system as a task of BenchMARL's."""
    from benchmarl.environments.pettingzoo.common import PettingZooClass
    from torchrl.envs import PettingZooWrapper

    numbers = count()

    class SystemTask(PettingZooClass):
        """Every environment has a seed of its own: BenchMARL's gives all of a batch the same workloads."""

        def get_env_fun(self, num_envs: int, continuous_actions: bool, seed: int | None, device: Any) -> Any:
            def make() -> Any:
                stream = np.random.SeedSequence(self.config["seed"], spawn_key=(next(numbers),))
                of_env = int(stream.generate_state(1)[0])
                return PettingZooWrapper(to_parallel_env(system, of_env), return_state=True, seed=of_env, device=device)

            return make

        def supports_discrete_actions(self) -> bool:
            return True

        def has_state(self) -> bool:
            return True

        def max_steps(self, env: Any) -> int:
            return system.horizon

        def __reduce__(self) -> Any:  # the experiment pickles it, for nobody here
            return str, (self.name,)

    return SystemTask(name="SYSTEM", config={"seed": seed})


def _watch(held: Heldout, report: Report, every: int) -> Any:
    """Reports the held-out returns at the start, after every so many joint samples, and at the end."""
    from benchmarl.experiment import Callback

    class Watch(Callback):
        due = 0

        def on_setup(self) -> None:
            self._look(0)

        def on_train_end(self, training_td: Any, group: str) -> None:
            samples = self.experiment.total_frames
            if samples >= min(self.due, self.experiment.config.max_n_frames):
                self._look(samples)

        def _look(self, samples: int) -> None:
            policy = self.experiment.algorithm.get_policy_for_loss(GROUP)
            report(samples, *(_mean_return(held, _act(policy, greedy)) for greedy in (False, True)))
            self.due = samples + every

        def __reduce__(self) -> Any:
            return str, ("watch",)

    return Watch()


def _act(policy: Any, greedy: bool) -> Callable[[Observation, Tensor], Tensor]:
    """A policy of torchrl's as an actor on our systems: our uniforms draw from its probabilities."""
    from tensordict import TensorDict

    def act(seen: Observation, noise: Tensor) -> Tensor:
        idle, mask = ~seen.active, seen.mask.expand(seen.features.shape[:-1]).clone()
        mask[idle] = torch.arange(mask.shape[-1]) == 0  # as `to_parallel_env` shows it
        features = TensorDict({"observation": seen.features.float()}, mask.shape[:-1])
        shown = TensorDict({"observation": features, "action_mask": mask}, mask.shape[:-1])
        given = TensorDict({GROUP: shown}, mask.shape[:1])
        if not hasattr(policy, "get_dist"):  # values of actions, not probabilities
            chosen = policy(given)[GROUP, "action"]
        else:
            probabilities = policy.get_dist(given).probs.double()
            chosen = probabilities.argmax(-1) if greedy else inverse_cdf(probabilities, noise[..., 0])
        return torch.where(seen.active, chosen, -1)

    return act


def _mean_return(held: Heldout, act: Any) -> float:
    system = held.system
    return float(play(system, act, held.noise, workloads_at_a_time(system.n_agents, system.n_actions)).mean())


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
