"""What the command `equilibria` prints about a game or a team."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dgpg_verify.reporting.terminal import table_lines
from dgpg_verify.reporting.wording import number_text

Answer = Mapping[str, Any]
SHORT = 12  # longest fraction that is written out
PURE = 1e-6  # a policy this close to one action is named by it; NashConv beside it shows the rest
CERTIFIED = 9  # decimals: values are certified to 1e-9 of the range


def game_text(answer: Answer) -> str:
    """Pure equilibria of J and J_alpha, values, the reached equilibrium, sign agreement; agents counted from 0."""
    counts, alpha = answer["equilibria"], answer["alpha"]
    low, high = answer["reward_range"]
    more = [f"... and {answer['not_listed']} more (--rows)"] if answer["not_listed"] else []
    return "\n".join(
        [
            f"{answer['game']}, alpha {alpha:g}",
            f"{answer['joint_actions']} joint actions; J from {low:.6g} to {high:.6g}; "
            f"J_alpha = {1 - alpha:g} J - {alpha:g} G",
            "",
            f"pure equilibria: {counts['of_j']} of J, {counts['of_j_alpha']} of J_alpha; "
            f"{counts['lost']} lost, {counts['gained']} gained",
            *_equilibria(answer["listed"]),
            *more,
            "",
            *_values(answer),
            "",
            *_reached(answer["reached"]),
            "",
            _signs(answer),
        ]
    )


def _equilibria(rows: Sequence[Answer]) -> list[str]:
    """One line per equilibrium, best value in J first; alpha_c as a fraction where it is short."""
    named = rows[0]["servers"] is not None
    head = ["joint action", *["servers"] * named, "", "in J", "in J_alpha", "J", "G", "for alpha in", "alpha_c exactly"]
    lines = []
    for row in rows:
        exact, limits = row["alpha_c_exact"], f"[{row['alpha_from']:.6g}, {row['alpha_c']:.6g}]"
        limit = "-" if exact is None else str(exact) if len(exact) <= SHORT else f"{row['alpha_c']:.15g}..."
        values = [f"{row['reward']:.6g}", f"{row['guidance']:.6g}"]
        servers = [_actions(row["servers"])] if named else []
        lines.append(
            [_actions(row["actions"]), *servers, row["change"], row["in_j"], row["in_j_alpha"], *values, limits, limit]
        )
    return table_lines(head, lines, right=("J", "G"))


def _values(answer: Answer) -> list[str]:
    """J at the best, the worst and the reached equilibrium of either objective."""
    reached = answer["reached"]
    of_reached = {"of_j": reached["reward_of_j"], "of_j_alpha": reached["reward"], "loss": reached["loss"]}
    head = ["value in J", "of J", "of J_alpha", "lost, share of the range"]
    rows = []
    for which, value in {**answer["values"], "reached": of_reached}.items():
        loss = None if value["loss"] is None else round(value["loss"], CERTIFIED)
        rows.append([which, f"{value['of_j']:.6g}", f"{value['of_j_alpha']:.6g}", number_text(loss)])
    return table_lines(head, rows, right=head[1:])


def _reached(reached: Answer) -> list[str]:
    policies, share, gain = reached["policies"], reached["nash_conv_share"], reached["deviation"]
    pure = all(max(row) >= 1.0 - PURE for row in policies)
    where = _actions([row.index(max(row)) for row in policies]) if pure else "mixed"
    conv = f"{reached['nash_conv']:.6g}" + ("" if share is None else f" ({number_text(share)} of the range)")
    lines = [f"reached from uniform policies under J_alpha: {where}; NashConv in J {conv}"]
    if not pure:
        lines += [f"  agent {i}: " + "  ".join(f"{chance:.4f}" for chance in row) for i, row in enumerate(policies)]
    if gain is None:
        return [*lines, "  in J nobody gains by deviating from it (NashConv at most 1e-9 of the range)"]
    most = number_text(gain["gain"])
    return [*lines, f"  in J agent {gain['agent']} gains most, {most}, by playing {gain['action']}"]


def _signs(answer: Answer) -> str:
    if answer["sign_agreement"]:
        return "sign agreement: yes, no unilateral deviation raises both J and G or lowers both"
    violation = answer["violation"]
    return (
        f"sign agreement: no; first at {_actions(violation['actions'])}: agent {violation['agent']} to "
        f"{violation['to']} changes J by {violation['change_j']:+.6g} and G by {violation['change_g']:+.6g}"
    )


def team_text(answer: Answer) -> str:
    """theta of J, J_alpha and G, the shift with its prediction, the value lost, the certificate."""
    head = ["agent", "theta of J", "theta_alpha", "theta of G", "shift"]
    theta = []
    for row in answer["theta"]:
        values = row["of_j"], row["of_j_alpha"], row["of_g"], row["of_j_alpha"] - row["of_j"]
        theta.append([str(row["agent"]), *(f"{value:.6f}" for value in values)])
    more = [f"... and {answer['not_listed']} more agents (--rows)"] if answer["not_listed"] else []
    lost, flat = answer["value_lost"], answer["flat_directions"]
    predicted = "not defined (J is flat somewhere)" if answer["predicted"] is None else f"{answer['predicted']:.6g}"
    return "\n".join(
        [
            f"{answer['team']}, alpha {answer['alpha']:g}",
            *table_lines(head, theta, right=head),
            *more,
            "",
            f"shift |theta_alpha - theta_J|: {answer['shift']:.6g}, by the shift law {predicted}; "
            f"{number_text(answer['share_of_the_way'])} of the way to the optimum of G",
            f"value lost J* - J(theta_alpha): {lost:.6g} ({lost / answer['n_agents']:.6g} per agent); "
            f"at the optimum of G {answer['value_lost_of_g']:.6g}",
            f"certificate: |grad J_alpha| {answer['residual']:.2g}, rounding allows {answer['residual_bound']:.2g}; "
            f"smallest singular value {answer['smallest_singular']:.4g}; {flat} flat direction{'s' * (flat != 1)}",
        ]
    )


def _actions(actions: Sequence[int]) -> str:
    return " ".join(map(str, actions))
