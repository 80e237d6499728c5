"""Where the packages are not installed, one line says what to do."""

from __future__ import annotations

import pytest

from dgpg_verify.bridges import from_parallel_env, pettingzoo, to_parallel_env
from dgpg_verify.core import InputError
from dgpg_verify.systems import LoadBalancingGame


def test_the_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pettingzoo, "find_spec", lambda name: None)
    said = r"is not installed: pip install 'dgpg-verify\[pettingzoo\]'"
    with pytest.raises(InputError, match=said):
        to_parallel_env(LoadBalancingGame.random(2))
    with pytest.raises(InputError, match=said):
        from_parallel_env(lambda: None)
