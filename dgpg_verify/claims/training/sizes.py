"""How much is trained at each scale: N and seeds of every experiment, fixed before any of it is judged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.training.measure import FAMILY, MEASURED_FROM
from dgpg_verify.core import InputError
from dgpg_verify.training.evaluation import HELD_OUT

LONGER = 2.5  # times the episodes that the baselines get
CLAIMED = 500  # episodes that the paper gives its baselines, and what this leaves for DG-PG
LONG_RUN = round(CLAIMED / LONGER)
TOGETHER = 200  # agents of a cell: from there on a batch of fleets saves nothing
# Evaluations of the rows that are asked within how many episodes they settle; rows beside them every `Sizes.every`.
CLOSELY = (*range(1, 16), 18, 21, 24, 27, 30)
CLOSELY_LONG = (*CLOSELY, *range(40, 201, 10))  # the same for runs of 200 episodes
CLOSELY_TO = 200  # agents; beyond, an evaluation takes longer than learning from an episode
BESIDE_FROM, BESIDE_SEEDS = 100, 3  # agents, and the seeds from there on of rows that decide nothing
FEWER_FROM, FEWER = 100, 20  # agents, and the held-out workloads from there on: a mean over more agents is as quiet

# alpha: None = the method's own schedule; changes: fields of the Method that differ (such as the form of guidance);
# settings: fields of `training.Settings`; workloads: held out; measured: roll-outs by which the gradient is measured at
# start, middle and end, 0 = not. Smaller teams than MEASURED_FROM are not measured: exponents are judged from there on.
USUAL: dict[str, Any] = {"alpha": None, "sharing": "independent", "changes": {}, "settings": {}, "workloads": HELD_OUT,
                         "measured": 0}  # fmt: skip


@dataclass(frozen=True)
class Sizes:
    """Sizes of one scale.

    horizon, episodes, every: joint steps, length of a run, episodes between evaluations. Each experiment maps N ->
    seeds: `grid` DG-PG, `small` the baselines, `others` all further methods, `shared` shared parameters, `large`
    guidance alone and MAPPO at large N, `exact` guidance alone in its exact form, `alphas`, `ablated`, `searched`,
    `real`, `patient` baselines with many samples, `claimed` MAPPO and IPPO with the episodes that the paper gives them
    (at `standard` three fleets: they show the curve and cannot decide, nor could the six that there were),
    `practitioner` the same in that reading, where one network for all agents makes fleets cheap (seven that are all
    alike decide at the level of MAPPO's row and IPPO's together, six do not), `claimed_beside` what stands beside
    these, `claimed_searched` some of these N, `long` guidance alone with many, and `known` the controls. closely:
    whether DG-PG is evaluated as CLOSELY says. mixed_to: largest N of the settings `mixed`, of `sum`, which decides
    nothing, and of the published form of guidance alone. measured: roll-outs of the
    gradient's moments along the way. workloads: held out, in an evaluation.
    """

    horizon: int
    episodes: int
    every: int
    grid: Mapping[int, int]
    small: Mapping[int, int]
    others: Mapping[int, int] = field(default_factory=dict)
    large: Mapping[int, int] = field(default_factory=dict)
    exact: Mapping[int, int] = field(default_factory=dict)
    mixed_to: int = 200
    alphas: Mapping[int, int] = field(default_factory=dict)
    ablated: Mapping[int, int] = field(default_factory=dict)
    searched: Mapping[int, int] = field(default_factory=dict)
    real: Mapping[int, int] = field(default_factory=dict)
    patient: Mapping[int, int] = field(default_factory=dict)
    shared: Mapping[int, int] = field(default_factory=dict)
    claimed: Mapping[int, int] = field(default_factory=dict)
    practitioner: Mapping[int, int] = field(default_factory=dict)
    claimed_beside: Mapping[int, int] = field(default_factory=dict)
    claimed_searched: Mapping[int, int] = field(default_factory=dict)
    closely: bool = False
    long: Mapping[int, int] = field(default_factory=dict)
    known: Mapping[int, int] = field(default_factory=dict)
    measured: int = 0
    workloads: int = HELD_OUT
    alpha_settings: tuple[str, ...] = ("parts", "both", "mixed", "mixed/raw")

    def row(
        self,
        key: str,
        label: str,
        part: str,
        method: str,
        n_values: Mapping[int, int],
        options: Mapping[str, Any] = MappingProxyType({}),
        **changed: Any,
    ) -> Row:
        """One method on one kind of system; a replicate is one fleet with one seed.

        Parameters
        ----------
        label : for a legend.
        part : the experiment it belongs to.
        options : of the system, beside the horizon.
        changed : what differs from USUAL, `episodes` and `evaluate_every` (episodes between evaluations on held-out
            workloads).
        """
        usual = USUAL | {"episodes": self.episodes, "evaluate_every": self.every, "workloads": self.workloads}
        if unknown := set(changed) - set(usual):
            raise InputError(f"row {key!r} asks for {sorted(unknown)}: it must be of {sorted(usual)}")
        asked = {
            "system": "cloud",
            "options": {"horizon": self.horizon, **options},
            "method": method,
            **usual,
            **changed,
        }
        at: dict[int, dict[str, Any]] = {n: {} for n in n_values}
        for n in n_values:
            if n < MEASURED_FROM:
                at[n]["measured"] = 0
            if n >= FEWER_FROM:
                at[n]["workloads"] = FEWER
            if n > CLOSELY_TO and asked["evaluate_every"] == CLOSELY:
                at[n]["evaluate_every"] = self.every
        # methods meet on the same fleets and workloads: the stream is not the row's
        return Row(FAMILY, key, n_values, asked, {n: changes for n, changes in at.items() if changes}, FAMILY, TOGETHER,
                   {"label": label, "part": part})  # fmt: skip

    def longer(self) -> dict[str, Any]:
        """At least 2.5 times the episodes; the first part of the run is the run at equal episodes."""
        every = 2 * self.every
        return {"episodes": math.ceil(LONGER * self.episodes / every) * every, "evaluate_every": every}


def fewer_seeds(n_values: Mapping[int, int]) -> dict[int, int]:
    """N -> seeds of a row that stands beside those that decide: a few seeds where a run takes long."""
    return {n: min(seeds, BESIDE_SEEDS) if n >= BESIDE_FROM else seeds for n, seeds in n_values.items()}


_DECADES = dict.fromkeys((5, 10, 20, 50, 100, 200), 10) | dict.fromkeys((500, 1500), 3)
_CLAIMED = {5: 10, 10: 10, 20: 6, 50: 3}
SIZES = {
    "smoke": Sizes(30, 10, 1, grid={4: 2}, small={4: 2}, alphas={4: 2}, alpha_settings=("parts",)),
    "standard": Sizes(30, 30, 3, closely=True, workloads=20, grid={5: 6, 10: 6, 20: 6}, small={5: 6, 10: 6},
                     others={10: 3}, exact={10: 6}, mixed_to=10, alphas={50: 3},
                     claimed={5: 3}, practitioner={5: 8}, known={5: 6}, measured=4, alpha_settings=("parts",)),
    "full": Sizes(100, 30, 3, closely=True, grid=_DECADES, small=dict.fromkeys((2, 5, 10), 10),
                 others=dict.fromkeys((2, 5, 10), 10), large={n: seeds for n, seeds in _DECADES.items() if n > 10},
                 exact={2: 10} | _DECADES, alphas={50: 10}, ablated={10: 10, 50: 10},
                 searched=dict.fromkeys((5, 10), 10), real={10: 10, 50: 10}, patient={5: 10, 10: 10, 50: 3},
                 shared=dict.fromkeys((2, 5, 10), 10), claimed=_CLAIMED, practitioner=_CLAIMED,
                 claimed_beside=_CLAIMED, claimed_searched={10: 10}, long={5: 10, 50: 3},
                 known={5: 10}, measured=16),
}  # fmt: skip
