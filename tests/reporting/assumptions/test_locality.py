"""Local influence: every fleet of the audit is drawn, and the title names what grows fastest."""

from __future__ import annotations

from dgpg_verify.reporting.assumptions.locality import draw_locality, steepest
from dgpg_verify.reporting.frame import frames, where
from tests.reporting.noise.test_figures import dots
from tests.reporting.synthetic_run import assumptions


def test_every_fleet_of_the_audit_is_drawn() -> None:
    made = frames({"assumptions": assumptions()})
    assert dots(draw_locality(made)) == len(where(made["assumptions"], audit="A3"))


def test_the_title_names_what_grows_fastest_but_for_the_control() -> None:
    rows = [{"audit": "A3", "quantity": q, "system": system, "n": n, "fleet": 0, "value": float(n) ** power}
            for q, system, power in (("a", "game", 0.0), ("b", "game", 0.5), ("b", "one_total", 1.0))
            for n in (10, 100)]  # fmt: skip
    made = frames({"assumptions": rows})
    slope, name = steepest(made["assumptions"]) or (0.0, "")
    assert abs(slope - 0.5) < 1e-9 and name == "b (game)"
    title = draw_locality(made).texts[0].get_text().replace("\n", " ")
    assert "nothing grows faster than N^0.50 (b (game)), against N^1.00 in the control" in title
