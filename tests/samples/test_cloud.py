"""Estimated gaps of trained policies: what they are of, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.samples import Curve, cloud, samples_to_gap, start_fractions
from dgpg_verify.samples.cloud import WORKLOADS, estimated_curve, scored_fleets
from dgpg_verify.systems import CloudScheduling, LinearQuadraticTeam
from dgpg_verify.training import evaluate, heldout, train

FLEETS = [CloudScheduling(4, seed=seed, horizon=30) for seed in (3, 4)]


def test_gap_is_what_best_fit_has_more() -> None:
    """Checked against one training run by hand: same seed, same held-out workloads, per agent."""
    curve = estimated_curve(FLEETS, "guidance_only", 2, [7, 8])
    assert curve.samples.tolist() == [0, 1, 2] and curve.gaps.shape == (2, 3) and curve.roll_outs == 1
    on = heldout(FLEETS[1], 8, WORKLOADS)
    run = train(FLEETS[1], "guidance_only", 2, 8, workloads=WORKLOADS, progress=False)
    last = on.returns["best_fit"].mean() - evaluate(run.policy, on).returns.mean()
    assert curve.gaps[1, -1] == pytest.approx(last / 4, rel=1e-12)
    assert (curve.alphas == 1.0).all()


def test_best_fit_itself_is_at_the_goal() -> None:
    """A network that never moves on top of Best-Fit's logits keeps a gap that is noise beside one that starts anew."""
    fresh = estimated_curve(FLEETS, "guidance_only", 1, [7, 8])
    for fleet, seed, gaps in zip(FLEETS, (7, 8), fresh.gaps):
        settings = {"actor_lr": 1e-12, "gain": 0.0, "temperature": 0.01}
        run = train(fleet, "residual", 2, seed, workloads=WORKLOADS, progress=False, **settings)
        goal = run.heldout.returns["best_fit"].mean()
        assert all(abs(goal - at.mean) / 4 < 0.1 * gaps[0] for _, at in run.evaluations)


def test_a_better_policy_than_best_fit_has_arrived() -> None:
    gaps = np.array([[1.0, -0.1, -0.2], [1.0, 0.5, -0.2]])
    beaten = Curve(1, np.array([0, 2, 4]), gaps, np.zeros((2, 3)), np.full(2, -1))
    found = samples_to_gap(beaten, start_fractions(beaten, [1.5, 10.0]))
    assert found.high[0].tolist() == [2.0, 2.0]
    assert found.high[1].tolist() == [2.0, np.inf]  # below the last eps at 4 only, and no stay until 8 was seen


def test_fleets_without_a_score_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Horizon 1 leaves nothing to tell: such fleets are counted, never used; each N has fleets of its own."""

    def draw(n: int, seed: int) -> CloudScheduling:
        return CloudScheduling(n, seed=seed, horizon=30 if seed % 2 else 1)

    monkeypatch.setattr(cloud, "CloudScheduling", draw)
    systems, seeds, skipped = scored_fleets(4, 3, 0)
    assert len(systems) == 3 and all(seed % 2 for seed in seeds) and skipped > 0
    assert all(heldout(system, seed, WORKLOADS).scored for system, seed in zip(systems, seeds))
    assert not set(seeds) & set(scored_fleets(5, 3, 0)[1])


@pytest.mark.parametrize(
    "method, episodes, message",
    [
        ("residual", 4, "'residual' is not allowed: it starts at the heuristic"),
        ("reinforce", 4, "episodes = 4 is not allowed with 'reinforce': it must be a multiple of 5"),
        ("sarsa", 4, "method = 'sarsa' is not allowed"),
        ("mappo", 0, "episodes = 0 is not allowed"),
    ],
)
def test_methods_are_checked_before_any_training(
    method: str, episodes: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "train", lambda *a, **k: pytest.fail("trained"))
    with pytest.raises(InputError, match=message):
        estimated_curve(FLEETS, method, episodes, [1, 2])


@pytest.mark.parametrize(
    "systems, seeds, message",
    [
        ([], [], "number of fleets = 0"),
        (FLEETS, [1], "seeds has 1 entries: it must have 2"),
        ([FLEETS[0], CloudScheduling(5, seed=1, horizon=30)], [1, 2], r"n_agents \[4, 5\]"),
        ([LinearQuadraticTeam.random(3)], [1], "no optimum oracle is used here and there is no evaluation set"),
    ],
)
def test_bad_input(systems: list[CloudScheduling], seeds: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        estimated_curve(systems, "guidance_only", 4, seeds)
