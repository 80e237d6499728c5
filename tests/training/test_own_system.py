"""A run on a system of a user's own is remembered by the system's name, and made again from its folder."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dgpg_verify.contracts.named import make_any_system
from dgpg_verify.core import InputError
from dgpg_verify.training import evaluate, heldout, train
from dgpg_verify.training.saved.folder import read_run
from tests.contracts.outsiders import Lights
from tests.training.tools import QUICK

OWN = """
import numpy as np
from tests.contracts.outsiders import Lights
class Hall(Lights):
    def __init__(self, n_agents, seed=0, lamps=1):
        super().__init__(n_agents)
        self.lamps = lamps
    def config(self): return {"system": "hall", "n_agents": np.int64(self.n_agents), "lamps": self.lamps}
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_hall.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    return "own_hall.py:Hall"


def trained(system: Any, **more: Any) -> Any:
    return train(system, "mappo", **{**QUICK, "episodes": 2, "out": Path("run"), **more})


def refusal(folder: str = "run") -> str:
    with pytest.raises(InputError) as refused:
        read_run(folder, trusted=["own_hall.py:Hall"])
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_run_by_name_is_read_again_and_its_policy_earns_what_it_earned(own: str) -> None:
    run = trained(own, agents=3)
    stored = read_run("run", trusted=[own])
    assert stored.config["origin"] == {"name": own, "n_agents": 3, "seed": 0, "options": {}}
    assert type(stored.system).__name__ == "Hall" and stored.system.n_agents == 3
    again = evaluate(stored.policy, heldout(stored.system, 0, QUICK["workloads"]))
    np.testing.assert_array_equal(again.returns, run.evaluations[-1][1].returns)
    assert trained(own, agents=3, resume=True).config == run.config


def test_options_are_remembered(own: str) -> None:
    origin: Mapping[str, Any] = {"name": own, "n_agents": 3, "seed": 0, "options": {"lamps": 7}}
    trained(make_any_system(**origin), origin=origin)
    assert read_run("run", trusted=[own]).system.config()["lamps"] == 7


def test_a_name_that_leads_nowhere_is_one_line(own: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    trained(own, agents=3)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    said = refusal("../run")
    assert "../run was trained on a system of your own that cannot be made again from here" in said
    assert "there is no file 'own_hall.py'" in said


def test_another_system_behind_the_name_is_refused(own: str) -> None:
    trained(own, agents=3)
    config = json.loads(Path("run/config.json").read_text())
    config["origin"]["options"] = {"lamps": 2}
    Path("run/config.json").write_text(json.dumps(config))
    assert "origin.options.lamps = 2 is not allowed here" in refusal()  # the checkpoint remembers it too
    Path("own_hall.py").write_text(OWN.replace("lamps=1", "lamps=5"))
    Path("run/config.json").write_text(json.dumps({**config, "origin": {**config["origin"], "options": {}}}))
    for name in [name for name in sys.modules if name.startswith("dgpg_verify_own_own_hall")]:
        del sys.modules[name]  # as in another process
    assert "system.lamps = 5 is not allowed here" in refusal()


def test_an_object_without_a_name_says_how_to_be_remembered(own: str) -> None:
    trained(Lights(3))
    assert "system 'lights' cannot be rebuilt" in refusal() and "where train is given its name" in refusal()


def test_a_built_in_system_has_no_origin(own: str) -> None:
    trained("cloud", agents=3)
    assert "origin" not in read_run("run", trusted=[own]).config
