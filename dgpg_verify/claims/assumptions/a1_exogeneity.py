"""A1: the reference does not depend on the policy. Same environment stream, other policies: the same bits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dgpg_verify.claims.assumptions.measure import ONE_SHOT, POLICIES, measure_exogeneity
from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.question import Question, checked, exactly, must_get
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.claims.subjects import RECORDED_INPUT, traces_folder
from dgpg_verify.core import Evidence

HONEST = ("fluid", "speed_aware", "biased:0.3", "lagged:5", "shuffled", "rounded", "noise:0.2")
CONTROL = "endogenous"
DOMAINS: dict[str, dict[str, Any]] = {
    "road_network": {}, "power_dispatch": {}, "rate_control": {}, "inventory": {"horizon": 10, "warehouse": 1.0},
}  # fmt: skip


def design(scale: str) -> list[Row]:
    """Every honest reference, the endogenous one as control, common bursts, recorded input where there is any, and the
    other domains."""
    fleets = {"smoke": 2, "standard": 10, "full": 30}[scale]
    clouds: dict[str, dict[str, Any]] = {name: {"reference": name} for name in (*HONEST, CONTROL)}
    clouds["common_shock"] = {"common_shock": True}
    if traces_folder():
        clouds["recorded"] = dict(RECORDED_INPUT)
    systems = {f"reference/{name}": ("cloud", {"horizon": 25} | options) for name, options in clouds.items()}
    systems |= {f"system/{name}": (name, options) for name, options in DOMAINS.items()}
    return [
        Row("A1", key, dict.fromkeys((8, 64), fleets), stream=key.partition("/")[2],
            options={"system": system, "options": options})
        for key, (system, options) in systems.items()
    ]  # fmt: skip


def questions(measured: Measured) -> Sequence[Question]:
    """Largest change of the reference when only the policy changes, over fleets and roll-outs."""
    return [_question(series) for series in measured.values()]


def _question(series: Series[Evidence]) -> Question:
    changes = [float(item.values["largest_change"]) for item in series.flat]
    moved, count, largest = sum(change > 0.0 for change in changes), len(changes), max(changes)
    kind, _, name = series.key.partition("/")
    cloud = kind == "reference"
    policies = POLICIES.get("cloud" if cloud else name, ONE_SHOT)
    why = f"the reference changed in {moved} of {count} fleets, by at most {largest:.3g}"
    asked = Question(
        key=series.key,
        statistic="largest change of x~ between policies",
        read=[series],
        verdict=checked(not moved, why, exactly(largest, count)),
        sentence=f"Reference {name if cloud else 'of ' + name}: {'moves with' if moved else 'bit-identical under'} "
        f"{len(policies)} policies in {moved or count} of {count} {'fleets' if cloud else 'draws'}.",
        relation="equal",
        expected=0.0,
        margin=0.0,
        system=f"cloud, reference or workload {name}" if cloud else name,
        policy=", ".join(policies),
        primary=name == "fluid",
        kind="audit",
    )
    return must_get(asked, "refuted", "control: must be caught") if name == CONTROL else asked


CLAIM = Claim(
    id="A1",
    title="Exogeneity of the reference",
    source="assumption of the paper's guidance term",
    statement="The reference x~_t does not depend on the policy (assumption: exogeneity).",
    family="assumptions",
    design=design,
    measure=measure_exogeneity,
    questions=questions,
)
