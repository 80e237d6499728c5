"""Environments of others as systems: the same gradients as the system that was wrapped, any moment played again, what
differs between agents is padded, and what cannot be measured is refused."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from dgpg_verify.bridges import from_parallel_env, to_parallel_env
from dgpg_verify.contracts import check_system
from dgpg_verify.core import InputError, draw_noise
from dgpg_verify.measurement import measure_gradients
from dgpg_verify.policies import make_policy
from dgpg_verify.rollouts import collect
from dgpg_verify.rollouts.counterfactual import replay_each
from dgpg_verify.systems import LoadBalancingGame
from dgpg_verify.training import train
from dgpg_verify.training.ends import going_on
from tests.training.tools import QUICK

INSTALL = "pip install 'dgpg-verify[pettingzoo]'"
pytest.importorskip("gymnasium", reason=INSTALL)
from gymnasium.spaces import Box, Discrete, MultiBinary  # noqa: E402

GAME = LoadBalancingGame.random(4, seed=0)


class Walk:
    """Two agents on a line; the first has 3 actions and sees both places, the second 2 and its own. Each leaves when it
    has walked 3 steps; the wind is drawn at each step."""

    metadata = {"name": "walk"}  # noqa: RUF012
    possible_agents = ["a", "b"]  # noqa: RUF012

    def observation_space(self, agent: str) -> Any:
        return Box(-9.0, 9.0, (2 if agent == "a" else 1,))

    def action_space(self, agent: str) -> Any:
        return Discrete(3, start=1) if agent == "a" else Discrete(2)

    def reset(self, seed: int | None = None, options: Any = None) -> tuple[Any, Any]:
        self.rng, self.agents, self.place, self.time = np.random.default_rng(seed), ["a", "b"], {"a": 0.0, "b": 0.0}, 0
        return self._seen(), {"a": {}, "b": {"action_mask": np.array([1, 1])}}

    def step(self, actions: dict[str, int]) -> tuple[Any, ...]:
        assert set(actions) == set(self.agents)
        wind, self.time = self.rng.normal(), self.time + 1
        for agent, action in actions.items():
            self.place[agent] += action + wind
        acted = self.agents
        over = {agent: agent == "b" and self.time == 2 for agent in acted}
        cut = dict.fromkeys(acted, self.time == 3)
        self.agents = [agent for agent in acted if not over[agent] and not cut[agent]]
        seen = {agent: value for agent, value in self._seen().items() if agent in acted}
        return seen, {agent: self.place[agent] for agent in acted}, over, cut, {agent: {} for agent in acted}

    def _seen(self) -> dict[str, Any]:
        a, b = self.place["a"], self.place["b"]
        return {"a": np.array([a, b], np.float32), "b": np.array([b], np.float32)}

    def __str__(self) -> str:
        return "walk"


def dense(actions: dict[str, int]) -> np.ndarray:
    z = GAME.influence(torch.tensor([list(actions.values())]))
    return torch.zeros(4, GAME.state_size, dtype=torch.float64).scatter_add(1, z.index[0], z.value[0]).numpy()


def test_a_game_there_and_back_has_the_same_gradients() -> None:
    pytest.importorskip("pettingzoo", reason=INSTALL)

    def state(env: Any) -> np.ndarray:
        return (GAME.idle_state if env.transition is None else env.transition.x[0]).numpy()

    back = from_parallel_env(
        lambda: to_parallel_env(GAME), lambda env: GAME.reference_state, lambda env, actions: dense(actions),
        state=state, horizon=1,
    )  # fmt: skip
    check_system(back)
    credits = ["return", "gae:central", "guidance", "guidance:exact", "guided:0.5", "branch"]
    there, here = (measure_gradients(s, "uniform", credits, rollouts=64, progress=False) for s in (GAME, back))
    for name in credits:
        np.testing.assert_allclose(here[name].variance, there[name].variance, rtol=1e-9)
        np.testing.assert_allclose(here[name].mean, there[name].mean, rtol=1e-9, atol=1e-12)


def test_agents_that_differ_are_padded_and_leave() -> None:
    system = from_parallel_env(Walk)
    check_system(system)
    assert (system.n_actions, system.horizon, system.state_size) == (3, 3, 4)
    policy = make_policy("uniform", system)
    rollout = collect(system, policy, draw_noise(0, 0, system, policy, 32))
    assert rollout.active[0].tolist() == [[True, True], [True, True], [True, False]]
    going = going_on(rollout)
    assert going is not None and bool(going.all()), "whoever has left stays away: an episode ends with its last agent"
    assert set(rollout.actions[:, :2, 1].flatten().tolist()) == {0, 1}
    assert set(rollout.actions[:, :, 0].flatten().tolist()) == {0, 1, 2}
    assert rollout.seen.features[0, 0, 1].tolist() == [[0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]]


@pytest.mark.parametrize(("team_reward", "share"), [("mean", 0.5), ("sum", 1.0)])
def test_an_episode_by_hand(team_reward: str, share: float) -> None:
    """Both start at 0: after a step they are at 1 + k_a + w and k_b + w, with the wind of the episode's own seed."""
    system = from_parallel_env(Walk, team_reward=team_reward)
    noise = torch.full((1, 3, 1), 0.5, dtype=torch.float64)
    step = system.step(system.start(noise), torch.tensor([[2, 1]]))
    wind = np.random.default_rng(2**30).normal()
    assert float(step.reward) == pytest.approx(share * (3.0 + wind + 1.0 + wind))


def test_any_moment_can_be_played_again() -> None:
    """A step from a state that was left long ago is the one that was taken then; with another action it is not."""
    system = from_parallel_env(Walk, idle=0)
    policy = make_policy("uniform", system)
    rollout = collect(system, policy, draw_noise(0, 0, system, policy, 8), keep_states=True)
    assert rollout.states is not None
    for t in (2, 0, 1, 0):
        for rows in (slice(None), [3, 3, 5]):
            state = rollout.states[t]
            picked = type(state)(state.step, *(value[rows] for name, value in vars(state).items() if name != "step"))
            again = system.step(picked, rollout.actions[rows, t])
            assert torch.equal(again.reward, rollout.reward[rows, t])
            changed_by_a = rollout.actions[rows, t].clone()
            changed_by_a[:, 0] = (changed_by_a[:, 0] + 1) % 3
            other = system.step(picked, changed_by_a)
            assert not torch.equal(other.reward, again.reward)
    gains = replay_each(rollout, torch.full_like(rollout.actions, -1))
    assert float(gains[:, 0, 0].max()) == pytest.approx(4.0)  # 2 more than idle, twice shared by two


def test_return_gae_and_differences_are_measured_and_it_trains() -> None:
    system = from_parallel_env(Walk, idle=0)
    credits = ["return", "return:to_go", "gae:central", "gae:local", "difference", "difference:replay", "branch"]
    moments = measure_gradients(system, "uniform", credits, rollouts=32, progress=False)
    assert all(bool(np.isfinite(moments[name].variance).all()) for name in credits)
    assert len(train(system, "mappo", **{**QUICK, "episodes": 1}).to_frame())


@pytest.mark.parametrize(
    ("credit", "said"),
    [("guidance", "credit guidance cannot be measured on EnvSystem: guidance needs a model"),
     ("guided:0.5@gae:central", "credit guidance cannot"), ("difference", r"idle=\.\.\.\) names an idle action"),
     ("guided:0@difference:replay", "credit difference:replay cannot")],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused(credit: str, said: str) -> None:
    model: dict[str, Any] = {}
    if "difference" in credit:
        model = {"reference": lambda env: np.zeros(4), "influence": lambda env, actions: np.zeros((2, 4))}
    system = from_parallel_env(Walk, **model)
    check_system(system)
    with pytest.raises(InputError, match=said):
        measure_gradients(system, "uniform", ["return", credit], rollouts=16, progress=False)


def changed(**parts: Any) -> Callable[[], Any]:
    """A walk with other members."""
    return lambda: type("Other", (Walk,), parts)()


REFUSED: dict[str, tuple[Callable[[], Any], dict[str, Any], str]] = {
    "no environment": (lambda: SimpleNamespace(reset=None), {}, "SimpleNamespace lacks possible_agents, step"),
    "in turn": (changed(agent_iter=None), {}, "lets agents act in turn"),
    "actions": (changed(action_space=lambda self, agent: MultiBinary(2)), {}, r"action_space\('a'\) is MultiBinary"),
    "no limit": (changed(agents=property(lambda self: ["a", "b"], lambda self, value: None)), {}, "say horizon="),
    "half a model": (Walk, {"reference": lambda env: np.zeros(4)}, "must be given together"),
    "idle": (Walk, {"idle": 3}, r"idle = 3 is not allowed: it must be an integer in \[0, 2\]"),
    "team_reward": (Walk, {"team_reward": "max"}, "one of mean, sum"),
}


@pytest.mark.parametrize(("make_env", "options", "said"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(make_env: Callable[[], Any], options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        from_parallel_env(make_env, **options)


def test_an_environment_that_is_not_fixed_by_its_seed_is_refused() -> None:
    def reset(self: Any, seed: int | None = None, options: Any = None) -> Any:
        return Walk.reset(self, seed=None)

    with pytest.raises(InputError, match="walk gives another episode for the same seed"):
        from_parallel_env(changed(reset=reset))


def test_shapes_of_a_model_are_checked() -> None:
    for model, said in ((lambda env, actions: np.zeros((2, 3)), "influence has shape"),
                        (lambda env, actions: np.zeros((2, 4)), "reference has shape")):  # fmt: skip
        system = from_parallel_env(Walk, reference=lambda env: np.zeros(3), influence=model)
        with pytest.raises(InputError, match=said):
            measure_gradients(system, "uniform", ["return"], rollouts=8, progress=False)


def test_the_example_runs() -> None:
    """Its model is right: without a collision, z is what an agent's action adds to x."""
    pytest.importorskip("mpe2", reason="pip install mpe2")
    from examples.pettingzoo_env import spread

    system = spread(3, max_cycles=4)
    check_system(system)
    moments = measure_gradients(system, "uniform", ["return", "guidance"], rollouts=16, progress=False)
    assert (moments["guidance"].variance < moments["return"].variance).all()
    state = system.start(torch.full((1, 4, 1), 0.3, dtype=torch.float64))
    both = [system.step(state, torch.tensor([actions])) for actions in ([1, 4, 2], [1, -1, 2])]
    moved = (both[0].x - both[1].x)[0]
    torch.testing.assert_close(moved, both[0].influence.value[0, 1], rtol=0.0, atol=1e-12)
