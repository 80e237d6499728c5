"""The command `measure`: gradient noise of each credit at a fixed policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dgpg_verify.cli.options import Agents, AsJson, Seed, SystemOptions, build_system, print_answer, text_table

if TYPE_CHECKING:
    from dgpg_verify.core import Estimate
    from dgpg_verify.measurement import GradientMoments

HEAD = ("credit", "variance", "noise-to-signal", "efficiency", "alignment", "cross-agent")
IN_JSON = ("variance", "signal_squared", "noise_to_signal", "efficiency", "alignment", "cross_agent_share", "team")


def measure(
    system: Annotated[str, typer.Argument(help="load_balancing, linear_quadratic or cloud")],
    n: Agents = 10,
    credits: Annotated[str, typer.Option(help="names, with commas between")] = "return,guidance,guided:0.5",
    rollouts: Annotated[int, typer.Option(help="independent episodes")] = 256,
    seed: Seed = 0,
    policy: Annotated[str, typer.Option(help="uniform, tabular, linear, mlp, heuristic:NAME:TEMP")] = "uniform",
    setting: Annotated[str, typer.Option(help="sum, mean, mixed, parts, both or joint")] = "sum",
    pick_freeze: Annotated[int, typer.Option(help="roll-out pairs for the cross-agent share")] = 0,
    target: Annotated[str | None, typer.Option(help="quiet unbiased credit that stands for grad J")] = None,
    option: SystemOptions = None,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    as_json: AsJson = False,
) -> None:
    """Measure variance, noise-to-signal, efficiency and alignment of each credit at a fixed policy."""
    from dgpg_verify.measurement import measure_gradients
    from dgpg_verify.policies import make_policy

    built = build_system(system, n, seed, option)
    moments = measure_gradients(
        built,
        make_policy(policy, built, seed),
        [name.strip() for name in credits.split(",")],
        rollouts=rollouts,
        seed=seed,
        target=target,
        setting=setting,
        pick_freeze=pick_freeze,
        device=device,
        progress=not as_json,
    )
    about = {"system": system, "n": n, "policy": policy, "setting": setting, "rollouts": rollouts, "seed": seed}
    print_answer({**about, "credits": _values(moments)}, lambda _: _text(about, moments), as_json)


def _values(moments: GradientMoments) -> dict[str, dict[str, Any]]:
    """Everything but the [N, P] means, by credit."""
    return {name: {field: getattr(credit, field) for field in IN_JSON} for name, credit in moments.items()}


def _text(about: dict[str, Any], moments: GradientMoments) -> str:
    """One line per credit: mean variance of an agent, pooled ratios with their intervals."""
    rows = []
    for name, credit in moments.items():
        cross = "-" if credit.cross_agent_share is None else f"{credit.cross_agent_share:.3g}"
        ratios = (credit.noise_to_signal, credit.efficiency, credit.alignment)
        rows.append((name, f"{credit.variance.mean():.4g}", *map(_interval, ratios), cross))
    head = ", ".join(f"{name} {value}" for name, value in about.items())
    note = "variance: mean over agents of tr Cov; intervals at 95 %; - = not measured"
    return f"{head}\n{text_table(HEAD, rows, right=('variance', 'cross-agent'))}\n{note}"


def _interval(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3g}"
    return f"{estimate.value:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"
