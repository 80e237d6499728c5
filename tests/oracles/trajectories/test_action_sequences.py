"""Trajectory enumeration against finite differences, one-shot enumeration, a plain loop over sequences and direct
simulation; on a toy queueing system and on the cloud."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch

from dgpg_verify.core import InputError, generator, open_uniforms
from dgpg_verify.oracles import enumerate_moments, enumerate_trajectories, trajectory_moments
from dgpg_verify.oracles.trajectories.history_tree import policy_scores
from dgpg_verify.policies import make_policy
from dgpg_verify.systems import CloudScheduling, LoadBalancingGame
from tests.oracles.trajectories import uniform_boxes
from tests.oracles.trajectories.toy_queues import TwoQueues
from tests.oracles.trajectories.uniform_boxes import branch_moments, cross_agent, uniform_cells


def tabular_scores(policy):
    """psi = e_a - pi(o) for logits that are the parameters; 0 without action."""

    def score(seen, actions):
        p, chosen = policy.probabilities(seen).detach().double().numpy(), actions.numpy()
        psi = np.eye(p.shape[-1])[np.maximum(chosen, 0)] - p
        return np.where(chosen[..., None] >= 0, psi, 0.0)

    return score


def stream(system, seed=0):
    return open_uniforms((system.horizon, system.noise_size), generator(seed))


def moved(policy, seed, scale=0.7):
    shift = np.random.default_rng(seed).normal(size=tuple(policy.parameters.shape)) * scale
    return replace(policy, parameters=policy.parameters + torch.as_tensor(shift))


SYSTEMS = {
    "plain": TwoQueues(),
    "discounted": TwoQueues(discount=0.8),
    "idle": TwoQueues(idle=0.35, horizon=4),
    "blocked": TwoQueues(blocked=True, discount=0.9),
    "three": TwoQueues(n_agents=3, horizon=2),
}


@pytest.fixture(scope="module", params=SYSTEMS)
def paths(request):
    system = SYSTEMS[request.param]
    policy = moved(make_policy("linear", system), 1)
    return enumerate_trajectories(system, policy, stream(system, 5))


def plain_rows(paths):
    """Every sequence played again from the start, alone: yields (probability, rewards, scores [T, N, P], steps)."""
    system, policy = paths.system, paths.policy
    score = policy_scores(policy)
    for code in itertools.product(range(system.n_actions), repeat=system.n_agents * system.horizon):
        wish = torch.tensor(code).view(1, system.horizon, system.n_agents)
        state, chance, rows = system.start(paths.environment[None]), 1.0, []
        for t in range(system.horizon):
            seen = system.observe(state)
            p, active = policy.probabilities(seen), seen.active
            for i in range(system.n_agents):
                chance *= float(p[0, i, wish[0, t, i]]) if active[0, i] else float(wish[0, t, i] == 0)
            actions = torch.where(active, wish[:, t], -torch.ones_like(wish[:, t]))
            if chance == 0.0:
                break
            step = system.step(state, actions)
            rows.append((state, actions, step, score(seen, actions)[0]))
            state = step.next_state
        if chance > 0.0:
            yield chance, rows


def test_probabilities_and_credits_against_single_file_replay(paths):
    gamma = paths.system.discount
    rows = list(plain_rows(paths))
    assert len(rows) == len(paths.probability)
    objective = sum(q * sum(gamma**t * float(s[2].reward) for t, s in enumerate(steps)) for q, steps in rows)
    m = trajectory_moments(paths)
    assert m.objective == pytest.approx(objective, rel=1e-12)
    n, p = m.means.shape[1:]
    mean, second = {}, {}
    for q, steps in rows:
        reward = np.array([gamma**t * float(s[2].reward) for t, s in enumerate(steps)])
        for name in ("return", "return:raw", "guidance", "guidance:exact", "guidance:observed", "difference"):
            g = np.zeros((n, p))
            for t, (state, actions, step, psi) in enumerate(steps):
                for i in range(n):
                    less = actions.clone()
                    less[0, i] = -1
                    without = paths.system.step(state, less)
                    z = (step.x - without.x)[0]
                    at = step.x_observed if name == "guidance:observed" else step.x
                    w = -float((at - step.reference)[0] @ z) + (0.5 * float(z @ z) if "exact" in name else 0.0)
                    w = float(step.reward - without.reward) if name == "difference" else w
                    w = gamma**t * w if not name.startswith("return") else reward.sum() - objective * (name == "return")
                    g[i] += psi[i] * w
            mean[name] = mean.get(name, 0.0) + q * g
            second[name] = second.get(name, 0.0) + q * (g**2).sum(1)
    for name, value in mean.items():
        assert np.allclose(m[name].mean, value, rtol=1e-11, atol=1e-13)
        assert np.allclose(m[name].variance, second[name] - (value**2).sum(1), rtol=1e-9, atol=1e-11)


def test_gradients_against_finite_differences(paths):
    step, policy, m = 1e-5, paths.policy, trajectory_moments(paths, ["return"])
    for i, k in np.ndindex(*policy.parameters.shape):
        sides = []
        for sign in (1.0, -1.0):
            there = policy.parameters.clone()
            there[i, k] += sign * step
            around = enumerate_trajectories(paths.system, replace(policy, parameters=there), paths.environment)
            sides.append((float(around.probability @ around.returns), float(around.probability @ around.distances)))
        slope = (np.array(sides[0]) - np.array(sides[1])) / (2 * step)
        exact = (m.objective_gradient[i, k], m.guidance_gradient[i, k])
        assert np.allclose(slope, exact, rtol=1e-6, atol=1e-8)


def test_bias_of_each_credit(paths):
    gamma, values = paths.system.discount, paths.values()
    names = ("return", "return:raw", "return:to_go", "difference", "guidance:exact")
    w = {name: paths.credit(name) for name in names}
    w |= {f"gae{lam}": paths.gae(values, lam) for lam in (0.0, 0.5, 1.0)}
    w["gae_rough"] = paths.gae(0.5 * values, 0.3)
    w["gae_rough1"] = paths.gae(0.5 * values, 1.0)
    m = trajectory_moments(paths, w)
    for name in ("return", "return:raw", "return:to_go"):
        assert np.allclose(m[name].mean, m.objective_gradient, atol=1e-12)
    gap = {name: np.abs(m[name].mean - m.objective_gradient).max() for name in m.names}
    if gamma == 1.0:  # with exact values GAE is unbiased at any lambda, with any values at lambda = 1
        assert max(gap["gae0.0"], gap["gae0.5"], gap["gae1.0"], gap["gae_rough1"]) < 1e-12
    else:  # no factor gamma^t
        assert min(gap["gae0.0"], gap["gae1.0"], gap["gae_rough1"]) > 1e-4
    assert gap["gae_rough"] > 1e-4 and gap["difference"] > 1e-4  # controls: wrong values, one-step differences
    assert np.abs(m["guidance:exact"].mean + m.guidance_gradient).max() > 1e-4  # z is immediate
    assert m["return"].variance.sum() < m["return:raw"].variance.sum()
    assert m["gae0.0"].variance.sum() < m["return"].variance.sum()


def test_gae_by_its_recursion(paths):
    gamma, lam = paths.system.discount, 0.6
    values, reward = 0.7 * paths.values(), paths.along("reward")
    mine = paths.gae(values, lam)
    per_agent = paths.gae(np.repeat(values[:, :, None], mine.shape[2], 2), lam)
    assert np.array_equal(mine, per_agent)
    carry = np.zeros(len(reward))
    for t in reversed(range(reward.shape[1])):
        ahead = values[:, t + 1] if t + 1 < reward.shape[1] else 0.0
        carry = reward[:, t] + gamma * ahead - values[:, t] + gamma * lam * carry
        for i in range(mine.shape[2]):
            assert np.allclose(mine[:, t, i], np.where(paths.active[:, t, i], carry, 0.0), rtol=1e-12, atol=1e-13)


def test_values_are_expected_rewards_to_go(paths):
    values, reward, gamma = paths.values(), paths.along("reward"), paths.system.discount
    for t in range(paths.system.horizon):
        to_go = reward[:, t:] @ gamma ** np.arange(reward.shape[1] - t)
        for node in np.unique(paths.nodes[t]):
            rows = paths.nodes[t] == node
            expected = np.average(to_go[rows], weights=paths.probability[rows])
            assert np.allclose(values[rows, t], expected, rtol=1e-12)


def test_shared_parameters_and_formula_scores():
    system = TwoQueues(horizon=2)
    shared = moved(make_policy("linear", system, sharing="shared"), 3)
    separate = replace(shared, parameters=shared.parameters.expand(2, -1).clone(), sharing="independent")
    one = trajectory_moments(enumerate_trajectories(system, shared, stream(system)))
    two = trajectory_moments(enumerate_trajectories(system, separate, stream(system)))
    assert np.allclose(one.means, two.means, atol=1e-13) and one.objective == pytest.approx(two.objective)
    for name in one.names:
        assert one.shared_variance(name) == pytest.approx(two.shared_variance(name), rel=1e-10)
    tabular = moved(make_policy("tabular", system), 3)
    auto = trajectory_moments(enumerate_trajectories(system, tabular, stream(system)))
    given = trajectory_moments(enumerate_trajectories(system, tabular, stream(system), tabular_scores(tabular)))
    assert np.allclose(auto.covariances, given.covariances, rtol=1e-11, atol=1e-13)


def test_one_step_agrees_with_one_shot_enumeration():
    system = LoadBalancingGame.random(4, seed=4, n_candidates=3, cost="mm1", reference="biased:0.3")
    policy = moved(make_policy("tabular", system), 4)
    paths = enumerate_trajectories(system, policy)
    m = trajectory_moments(paths)
    p = torch.softmax(policy.parameters, 1)
    other = enumerate_moments(system, p)
    for name in ("return", "return:raw", "guidance", "guidance:exact", "guidance:observed", "difference", "score"):
        assert np.allclose(m[name].mean, other[name].mean, rtol=1e-11, atol=1e-11)
        assert np.allclose(m[name].variance, other[name].variance, rtol=1e-10)
        assert np.allclose(m.covariance("return", name), other.covariance("return", name), rtol=1e-9)
        assert m.shared_variance(name) == pytest.approx(other.shared_variance(name), rel=1e-10)
        assert np.allclose(m.value_means[m.index(name)], other.value_means[other.index(name)], rtol=1e-10, atol=1e-12)
        assert np.allclose(
            *(oracle.value_covariances[oracle.index(name), oracle.index("return")] for oracle in (m, other)), rtol=1e-10
        )
        inside = cross_agent(uniform_cells(paths), paths.credit(name))
        assert np.allclose(inside, other[name].cross_agent, rtol=1e-9, atol=1e-12)
    assert m["return"].cross_agent is None and m["return"].cross_agent_share is None
    # in one shot the branch credit's conditional mean is COMA; the replacement draw adds to it
    branch = branch_moments(uniform_cells(paths))
    assert np.allclose(branch.mean, other.objective_gradient, rtol=1e-10, atol=1e-10)
    assert np.allclose(branch.variance - branch.replacement, other["coma"].variance, rtol=1e-9)


def test_branch_in_one_shot_by_a_plain_loop_over_draws():
    """Two agents: every profile times every independent replacement draw."""
    system = LoadBalancingGame.random(2, seed=4, n_candidates=2, reference="biased:0.3")
    policy = moved(make_policy("tabular", system), 4)
    p = torch.softmax(policy.parameters, 1).numpy()
    branch = branch_moments(uniform_cells(enumerate_trajectories(system, policy)))

    def reward(a):
        return float(system.step(None, torch.tensor([a])).reward)

    for i in range(2):
        mean, second = np.zeros(2), 0.0
        for a in itertools.product(range(2), repeat=2):
            for draw in range(2):
                weight = p[0, a[0]] * p[1, a[1]] * p[i, draw]
                other = [draw if j == i else a[j] for j in range(2)]
                g = (np.eye(2)[a[i]] - p[i]) * (reward(a) - reward(other))
                mean, second = mean + weight * g, second + weight * g @ g
        assert np.allclose(branch.mean[i], mean, rtol=1e-11)
        assert branch.variance[i] == pytest.approx(second - mean @ mean, rel=1e-10)


def simulate(paths, uniforms, replaced=None):
    """Play the system on given uniforms [Q, T, N] with policy.act; replaced = (t, agent, action)."""
    system, policy, size = paths.system, paths.policy, len(uniforms)
    state, total = system.start(paths.environment.expand(size, -1, -1)), torch.zeros(size, dtype=torch.float64)
    for t in range(system.horizon):
        seen = system.observe(state)
        actions = policy.act(seen, torch.as_tensor(uniforms[:, t, :, None]))
        if replaced is not None and replaced[0] == t:
            actions[:, replaced[1]] = replaced[2]
        step = system.step(state, actions)
        total, state = total + system.discount**t * step.reward, step.next_state
    return total.numpy()


def test_boxes_of_uniforms_reproduce_the_policy(paths):
    boxes = uniform_cells(paths)
    assert boxes.weight.sum() == pytest.approx(1.0, rel=1e-12)
    by_leaf = np.bincount(boxes.leaf, boxes.weight, minlength=len(paths.probability))
    assert np.allclose(by_leaf, paths.probability, rtol=1e-10, atol=1e-14)
    rows = np.random.default_rng(0).integers(len(boxes.weight), size=200)
    assert np.allclose(simulate(paths, boxes.uniforms[rows]), paths.returns[boxes.leaf[rows]], rtol=1e-12)


def test_branch_is_unbiased_and_replays_the_episode(paths):
    boxes = uniform_cells(paths)
    branch, m = branch_moments(boxes), trajectory_moments(paths, ["return", "difference"])
    assert np.allclose(branch.mean, m.objective_gradient, atol=1e-11)
    assert np.abs(m["difference"].mean - m.objective_gradient).max() > 1e-4  # control: one step is not enough
    rows = np.random.default_rng(1).integers(len(boxes.weight), size=100)
    some = replace(boxes, uniforms=boxes.uniforms[rows], leaf=boxes.leaf[rows])
    returns = paths.returns[some.leaf]
    for t, level in enumerate(paths.levels):
        node, played = paths.nodes[t][some.leaf], level.actions[paths.edge[t][some.leaf]]
        for i, k in np.ndindex(played.shape[1], 2):
            possible = (level.policy[node, i, k] > 0) & level.active[node, i]
            mine = uniform_boxes._replaced(some, t, node, played, i, k, returns)
            again = simulate(paths, some.uniforms[possible], (t, i, k))
            assert np.allclose(mine[possible], again, rtol=1e-12)


def test_cross_agent_part_by_brute_force():
    """Two agents, two steps: group the boxes by agent i's own uniforms with plain dictionaries."""
    system = TwoQueues(horizon=2)
    paths = enumerate_trajectories(system, moved(make_policy("linear", system), 2), stream(system, 2))
    boxes, w = uniform_cells(paths), paths.credit("return")
    g = np.einsum("qtnp,qtn->qnp", paths.score, w)[boxes.leaf]
    for i in range(2):
        groups = {}
        for box in range(len(boxes.weight)):
            groups.setdefault(tuple(boxes.uniforms[box, :, i]), []).append(box)
        total = 0.0
        for members in groups.values():
            q, values = boxes.weight[members], g[members, i]
            total += q @ ((values - q @ values / q.sum()) ** 2).sum(1)
        assert cross_agent(boxes, w)[i] == pytest.approx(total, rel=1e-10)
    share = cross_agent(boxes, w) / trajectory_moments(paths, ["return"])["return"].variance
    assert ((share > 0.01) & (share < 1.0)).all()


def test_as_rollout_carries_the_sequences(paths):
    r = paths.as_rollout()
    q, t, n = r.actions.shape
    assert (q, t, n) == (len(paths.probability), paths.system.horizon, paths.system.n_agents)
    assert np.allclose(r.log_prob.sum((1, 2)).exp().numpy(), paths.probability, rtol=1e-12)
    seen = [paths.system.observe(state) for state in r.states]
    back = torch.stack([paths.policy.log_prob(o, r.actions[:, k]) for k, o in enumerate(seen)], 1)
    assert torch.allclose(back, r.log_prob)
    # the system's own influence against x - x without the action
    z = torch.zeros(q, t, n, r.x.shape[-1], dtype=torch.float64).scatter_add(3, r.influence.index, r.influence.value)
    assert np.allclose(z.numpy(), paths.along("z"), atol=1e-12)
    assert np.array_equal(r.active.numpy(), paths.active)


def test_control_a_wrong_discount_is_caught(paths):
    w = paths.credit("return:to_go")
    shifted = np.roll(w, 1, axis=1)
    assert np.abs(trajectory_moments(paths, {"late": shifted})["late"].mean
                  - trajectory_moments(paths, ["return"]).objective_gradient).max() > 1e-4  # fmt: skip


def test_cloud_with_two_dispatchers():
    system = CloudScheduling(2, seed=0, n_candidates=2, horizon=8)
    policy = moved(make_policy("tabular", system), 1)
    paths = enumerate_trajectories(system, policy, stream(system, 3))
    values = paths.values()
    credits = {name: paths.credit(name) for name in ("return", "return:to_go", "guidance", "difference")}
    m = trajectory_moments(paths, credits | {"gae": paths.gae(values, 0.95)})
    for name in ("return", "return:to_go", "gae"):
        assert np.allclose(m[name].mean, m.objective_gradient, atol=1e-10 * max(1.0, abs(m.objective)))
    r = paths.as_rollout()
    z = torch.zeros(*r.actions.shape, r.x.shape[-1], dtype=torch.float64)
    z = z.scatter_add(3, r.influence.index, r.influence.value.double())
    assert np.allclose(z.numpy(), paths.along("z"), atol=1e-12)


def test_bad_input_is_refused():
    system = TwoQueues(horizon=3)
    policy = make_policy("tabular", system)
    with pytest.raises(InputError, match="sequences"):
        enumerate_trajectories(TwoQueues(n_agents=3, horizon=7), policy)
    with pytest.raises(InputError, match="environment"):
        enumerate_trajectories(system, policy, torch.rand(2, 2))
    with pytest.raises(InputError, match="probabilities"):
        enumerate_trajectories(system, object())
    paths = enumerate_trajectories(system, policy)
    with pytest.raises(InputError, match="shape"):
        trajectory_moments(paths, {"mine": np.zeros((3, 3))})
    with pytest.raises(InputError, match="credit"):
        trajectory_moments(paths, ["gae"])
    with pytest.raises(InputError, match="lambda"):
        paths.gae(paths.values(), 1.5)
    big = enumerate_trajectories(TwoQueues(horizon=5), moved(make_policy("linear", system), 1), None)
    with pytest.raises(InputError, match="boxes"):
        uniform_cells(big)
