"""The example of a resource game is what it says, by all joint actions."""

from __future__ import annotations

import pytest

from examples.own_game import Channels, check


@pytest.mark.parametrize("n", [3, 6, 9])
def test_the_channels_game_is_exact(n: int) -> None:
    found = check(Channels(n, seed=1))
    assert found.pop("bound") >= -1e-12
    assert max(found.values()) < 1e-12
