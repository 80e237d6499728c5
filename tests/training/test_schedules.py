"""Schedules of alpha: start, middle, end; names that do not exist."""

from __future__ import annotations

import pytest

from dgpg_verify.core import InputError
from dgpg_verify.training import make_schedule

AT = {  # start, middle, end for 16 agents
    "0.4": (0.4, 0.4, 0.4),
    "0": (0.0, 0.0, 0.0),
    "1": (1.0, 1.0, 1.0),
    "0.9->0.2": (0.9, 0.55, 0.2),
    "0.9->0": (0.9, 0.45, 0.0),
    "0 -> 1": (0.0, 0.5, 1.0),
    "n^-0.5": (0.75, 0.75, 0.75),
    "N^-0.5": (0.75, 0.75, 0.75),
}


@pytest.mark.parametrize("name", AT)
def test_start_middle_and_end(name: str) -> None:
    schedule = make_schedule(name, 16)
    start, middle, end = AT[name]
    assert schedule(0.0) == start and schedule(1.0) == end, "ends must be exact"
    assert schedule(0.5) == pytest.approx(middle, rel=1e-12)
    assert schedule(-1.0) == start and schedule(2.0) == end
    assert schedule(0.5, best=0.123) == schedule(0.5), "only adaptive looks at the estimate"
    assert not schedule.adaptive


def test_a_number_is_a_constant_schedule() -> None:
    assert make_schedule(0.3, 4)(0.7) == 0.3


def test_switch_off_leaves_one_over_root_n_of_the_return() -> None:
    for n in (1, 4, 100):
        assert 1.0 - make_schedule("n^-0.5", n)(0.0) == pytest.approx(n**-0.5)


def test_adaptive_starts_with_guidance_and_follows_the_estimate() -> None:
    schedule = make_schedule("adaptive", 4)
    assert schedule.adaptive
    assert (schedule(0.0), schedule(0.5, 0.25), schedule(1.0, 0.0)) == (1.0, 0.25, 0.0)


BAD = ["1.5", "-0.1", "nan", "inf->0", "0.9->", "->0.2", "0.9->1.2", "0.9->0.5->0.1", "later", "", "n^-1", True, None]


@pytest.mark.parametrize("name", BAD)
def test_bad_names_are_refused_in_one_line(name: object) -> None:
    with pytest.raises(InputError, match="alpha = ") as caught:
        make_schedule(name, 4)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
