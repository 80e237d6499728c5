"""Local influence: every fleet of the audit is drawn, and the title names where the judged quantity grows fastest."""

from __future__ import annotations

from dgpg_verify.reporting.assumptions.locality import JUDGED, MOST, draw_locality, steepest
from dgpg_verify.reporting.frame import frames, where
from tests.reporting.noise.test_figures import dots
from tests.reporting.synthetic_run import assumptions


def test_every_fleet_of_the_audit_is_drawn() -> None:
    made = frames({"assumptions": assumptions()})
    assert dots(draw_locality(made)) == len(where(made["assumptions"], audit="A3"))


def test_the_title_names_where_the_judged_grows_fastest_but_for_the_control() -> None:
    rows = [{"audit": "A3", "quantity": q, "system": system, "n": n, "fleet": 0, "value": float(n) ** power}
            for q, system, power in (("other", "game", 0.9), (JUDGED, "game", 0.0), (JUDGED, "cloud", 0.5),
                                     (JUDGED, "one_total", 1.0))
            for n in (10, 100)]  # fmt: skip
    made = frames({"assumptions": rows})
    slope, name = steepest(where(made["assumptions"], quantity=JUDGED)) or (0.0, "")
    assert abs(slope - 0.5) < 1e-9 and name == "Cloud scheduling"
    title = draw_locality(made).texts[0].get_text().replace("\n", " ")
    assert "grows at most like N^0.50 (Cloud scheduling), against N^1.00 in the control" in title


def test_what_the_title_names_is_drawn_however_many_systems_there_are() -> None:
    rows = [{"audit": "A3", "quantity": JUDGED, "system": f"s{k}{'/variant' * (k == MOST)}", "n": n, "fleet": 0,
             "value": float(n) ** (k / 10)} for k in range(MOST + 1) for n in (10, 100)]  # fmt: skip
    figure = draw_locality(frames({"assumptions": rows}))
    assert f"(s{MOST}/variant)" in figure.texts[0].get_text().replace("\n", " ")
    shown = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert f"s{MOST}/variant" in shown and len(shown) == MOST
