"""What the command `equilibria` says of a game or a team, as a table for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dgpg_verify.reporting.wording import number_text

Answer = Mapping[str, Any]
SHORT = 12  # longest fraction that is written out
PURE = 1e-6  # a policy this close to one action is named by it; NashConv beside it says what that leaves
CERTIFIED = 9  # decimals: values are certified to 1e-9 of the range


def game_text(answer: Answer) -> str:
    """Pure equilibria of J and J_alpha, values, the reached equilibrium, sign agreement; agents counted from 0."""
    counts, alpha = answer["equilibria"], answer["alpha"]
    low, high = answer["reward_range"]
    lines = [
        f"{answer['game']}, alpha {alpha:g}",
        f"{answer['joint_actions']} joint actions; J from {low:.6g} to {high:.6g}; "
        f"J_alpha = {1 - alpha:g} J - {alpha:g} G",
        "",
        f"pure equilibria: {counts['of_j']} of J, {counts['of_j_alpha']} of J_alpha; "
        f"{counts['lost']} lost, {counts['gained']} gained",
        *_equilibria(answer["listed"]),
    ]
    if answer["not_listed"]:
        lines.append(f"... and {answer['not_listed']} more (--rows)")
    lines += ["", *_values(answer), "", *_reached(answer["reached"]), "", _signs(answer)]
    return "\n".join(lines)


def _equilibria(rows: Sequence[Answer]) -> list[str]:
    """One line an equilibrium, best value in J first."""
    named = rows[0]["servers"] is not None
    head = ["joint action", *["servers"] * named, "", "in J", "in J_alpha", "J", "G", "for alpha in", "alpha_c exactly"]
    body = []
    for row in rows:
        exact = row["alpha_c_exact"]
        span = f"[{row['alpha_from']:.6g}, {row['alpha_c']:.6g}]"
        servers = [_actions(row["servers"])] if named else []
        cells = [_actions(row["actions"]), *servers, row["change"], row["in_j"]]
        cells += [row["in_j_alpha"], f"{row['reward']:.6g}", f"{row['guidance']:.6g}", span]
        body.append([*cells, "-" if exact is None else exact if len(exact) <= SHORT else f"{row['alpha_c']:.15g}..."])
    return _columns([head, *body], right=("J", "G"))


def _values(answer: Answer) -> list[str]:
    """J at the best, the worst and the reached equilibrium of either objective."""
    reached = answer["reached"]
    found = {**answer["values"], "reached": {"of_j": reached["reward_of_j"], "of_j_alpha": reached["reward"],
                                             "loss": reached["loss"]}}  # fmt: skip
    rows = [["value in J", "of J", "of J_alpha", "lost, share of the range"]]
    for which, value in found.items():
        rows.append([which, f"{value['of_j']:.6g}", f"{value['of_j_alpha']:.6g}", _share(value["loss"])])
    return _columns(rows, right=rows[0][1:])


def _share(value: float | None) -> str:
    return number_text(None if value is None else round(value, CERTIFIED))


def _reached(reached: Answer) -> list[str]:
    policies = reached["policies"]
    pure = all(max(row) >= 1.0 - PURE for row in policies)
    where = _actions([row.index(max(row)) for row in policies]) if pure else "mixed"
    share = reached["nash_conv_share"]
    lines = [
        f"reached from uniform policies under J_alpha: {where}; NashConv in J {reached['nash_conv']:.6g}"
        + (f" ({number_text(share)} of the range)" if share is not None else "")
    ]
    if not pure:
        lines += [f"  agent {i}: " + "  ".join(f"{chance:.4f}" for chance in row) for i, row in enumerate(policies)]
    found = reached["deviation"]
    if found is None:
        return [*lines, "  in J nobody gains by deviating from it (NashConv at most 1e-9 of the range)"]
    gain = number_text(found["gain"])
    return [*lines, f"  in J agent {found['agent']} gains most, {gain}, by playing {found['action']}"]


def _signs(answer: Answer) -> str:
    if answer["sign_agreement"]:
        return "sign agreement: yes, no unilateral deviation raises both J and G or lowers both"
    found = answer["violation"]
    return (
        f"sign agreement: no; first at {_actions(found['actions'])}: agent {found['agent']} to {found['to']} "
        f"changes J by {found['change_j']:+.6g} and G by {found['change_g']:+.6g}"
    )


def team_text(answer: Answer) -> str:
    """theta of J, J_alpha and G, the shift with its prediction, the value lost, the certificate."""
    rows = [["agent", "theta of J", "theta_alpha", "theta of G", "shift"]]
    for row in answer["theta"]:
        numbers = (row["of_j"], row["of_j_alpha"], row["of_g"], row["of_j_alpha"] - row["of_j"])
        rows.append([str(row["agent"]), *(f"{value:.6f}" for value in numbers)])
    lines = [f"{answer['team']}, alpha {answer['alpha']:g}", *_columns(rows, right=rows[0])]
    if answer["not_listed"]:
        lines.append(f"... and {answer['not_listed']} more agents (--rows)")
    n, lost, worst = answer["n_agents"], answer["value_lost"], answer["value_lost_of_g"]
    predicted = "not defined (J is flat somewhere)" if answer["predicted"] is None else f"{answer['predicted']:.6g}"
    flat = answer["flat_directions"]
    return "\n".join(
        [
            *lines,
            "",
            f"shift |theta_alpha - theta_J|: {answer['shift']:.6g}, by the shift law {predicted}; "
            f"{number_text(answer['share_of_the_way'])} of the way to the optimum of G",
            f"value lost J* - J(theta_alpha): {lost:.6g} ({lost / n:.6g} an agent); at the optimum of G {worst:.6g}",
            f"certificate: |grad J_alpha| {answer['residual']:.2g}, rounding allows {answer['residual_bound']:.2g}; "
            f"smallest singular value {answer['smallest_singular']:.4g}; {flat} flat direction{'s' * (flat != 1)}",
        ]
    )


def _actions(actions: Sequence[int]) -> str:
    return " ".join(map(str, actions))


def _columns(rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> list[str]:
    """Cells in columns two spaces apart; the columns named in `right` are set to the right."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    to_right = [name in right for name in rows[0]]
    return [
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, to_right)).rstrip() for row in rows
    ]
