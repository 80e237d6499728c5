"""The command `measure`: gradient noise of each credit at a fixed policy."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dgpg_verify.cli.options import (
    SYSTEM,
    Agents,
    AsJson,
    Seed,
    SystemOptions,
    build_system,
    print_answer,
    text_table,
)

if TYPE_CHECKING:
    from dgpg_verify.measurement import GradientMoments

IN_JSON = ("variance", "mean_variance", "signal_squared", "noise_to_signal", "efficiency", "alignment",
           "cross_agent_share", "team")  # fmt: skip
NOTES = """\
variance: tr Cov of an agent's gradient, mean over agents; noise-to-signal: that over |E g|^2; intervals at 95 %
efficiency: progress of the best step along one estimate, as a share of that along grad J; alignment: cos(E g, grad J)
cross-agent: share of the variance that comes from the other agents' actions (--pick-freeze)"""
NO_TARGET = "no target is measured: add an unbiased credit (return, difference) or --target NAME"
NO_SIGNAL = "|E g| or |grad J| is not told from 0: more --rollouts or --target NAME"
NO_VARIANCE = "its gradient is the same in every roll-out"


def measure(
    system: Annotated[str, typer.Argument(help=SYSTEM)],
    n: Agents = 10,
    credits: Annotated[str, typer.Option(help="names or objects, with commas between")] = "return,guidance,guided:0.5",
    rollouts: Annotated[int, typer.Option(help="independent episodes")] = 256,
    seed: Seed = 0,
    policy: Annotated[str, typer.Option(help="uniform, tabular, linear, mlp, heuristic:NAME:TEMP, module:Object")] = (
        "uniform"
    ),
    setting: Annotated[str, typer.Option(help="sum, mean, mixed, parts, both or joint")] = "sum",
    pick_freeze: Annotated[int, typer.Option(help="roll-out pairs for the cross-agent share")] = 0,
    target: Annotated[str | None, typer.Option(help="quiet unbiased credit that stands for grad J")] = None,
    option: SystemOptions = None,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    csv: Annotated[Path | None, typer.Option(help="one line per credit", metavar="FILE")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure variance, noise-to-signal, efficiency and alignment of each credit at a fixed policy."""
    from dgpg_verify.cli.files import check_file, write_table
    from dgpg_verify.cli.plugins import make_any_credits, make_any_policy
    from dgpg_verify.measurement import measure_gradients

    check_file("--csv", csv)
    chosen = make_any_credits(credits)
    named = partial(make_any_policy, policy, seed=seed)
    built = build_system(system, n, seed, option, policy=lambda made: named(system=made), rollouts=rollouts,
                         credits=len(chosen))  # fmt: skip
    played = named(system=built)
    moments = measure_gradients(
        built, played, chosen, rollouts=rollouts, seed=seed, target=target, setting=setting, pick_freeze=pick_freeze,
        device=device, progress=not as_json,
    )  # fmt: skip
    about = {"system": system, "n": n, "policy": policy, "setting": setting, "rollouts": rollouts, "seed": seed}
    if csv is not None:
        write_table(csv, [about | row for row in moments.to_frame().to_dict("records")])
    print_answer({**about, "credits": _values(moments)}, lambda _: _text(about, moments, target), as_json)


def _values(moments: GradientMoments) -> dict[str, dict[str, Any]]:
    """Everything but the [N, P] means, by credit."""
    return {name: {field: getattr(credit, field) for field in IN_JSON} for name, credit in moments.items()}


def _text(about: dict[str, Any], moments: GradientMoments, target: str | None) -> str:
    """One line per credit: mean variance of an agent, pooled ratios with their intervals; then what they are."""
    from dgpg_verify.measurement.readable import credit_texts

    texts = credit_texts(moments.values())
    head = ", ".join(f"{name} {value}" for name, value in about.items())
    table = text_table(list(texts), texts.to_numpy().tolist(), right=("cross-agent",))
    return "\n".join([head, table, "", NOTES, *_target(moments, target), *_gaps(moments)])


def _target(moments: GradientMoments, target: str | None) -> list[str]:
    """Which credit's mean stands for grad J, where there is one."""
    index = moments.target_index
    if index is None:
        return []
    names = [name for name, row in zip(moments.names, moments.weights) if row[index] == 1.0 and (row != 0).sum() == 1]
    return [f"target: grad J is the mean of {target or ', '.join(names)}, measured on the same roll-outs"]


def _gaps(moments: GradientMoments) -> list[str]:
    """Why a number is not measurable or has no interval: each reason on one line with the credits it applies to."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for name, credit in moments.items():
        if not credit.variance.any():
            reasons.setdefault(("not measurable: all ratios", NO_VARIANCE), []).append(name)
            continue
        for field in ("noise_to_signal", "efficiency", "alignment"):
            estimate, said = getattr(credit, field), field.replace("_", "-")
            if estimate is None or estimate.value is None:
                why = NO_TARGET if estimate is None else NO_SIGNAL
                reasons.setdefault((f"not measurable: {said}", why), []).append(name)
            elif estimate.low is None:
                reasons.setdefault((f"no interval: {said}", NO_SIGNAL), []).append(name)
    return [f"{what} of {', '.join(names)}: {why}" for (what, why), names in reasons.items()]
