"""Looks of training rows: the same method looks the same everywhere, and no two rows look or are called alike."""

from __future__ import annotations

from typing import Any

from dgpg_verify.reporting.frame import frames, where
from dgpg_verify.reporting.training.methods import MethodLook, identified, looks
from tests.reporting.training.synthetic_training import training_tables


def looks_of(*rows: dict[str, Any]) -> dict[str, MethodLook]:
    made = frames({"runs": rows})
    return looks(identified(made, made["runs"]))


def test_rows_of_one_label_and_look_share_an_entry_and_no_others_look_alike() -> None:
    made = frames(training_tables(seeds=1))
    found = looks(where(identified(made, made["runs"]), part="main"))
    assert found["mappo"] == found["mappo/large"]
    others = [look for row, look in found.items() if row != "mappo/large"]
    assert len({(look.color, look.marker, look.dash) for look in others}) == len({look.label for look in others}) == 13


def test_rows_of_one_method_differ_in_colour_and_marker() -> None:
    twins = looks_of(*({"row": f"new/{k}", "method": "new", "label": f"new {k}"} for k in range(3)))
    first, *others = twins.values()
    assert len({look.marker for look in twins.values()}) == 3
    assert all(look.color != first.color for look in others)


def test_settings_of_one_label_are_told_apart_by_their_keys() -> None:
    same = [{"row": f"dgpg/{s}", "method": "dgpg", "label": "DG-PG", "setting": s} for s in ("sum", "parts")]
    assert {look.label for look in looks_of(*same).values()} == {"DG-PG", "DG-PG (dgpg/sum)"}


def test_a_table_that_names_only_the_row_borrows_the_rest() -> None:
    made = frames({
        "runs": [{"row": "dgpg/sum/shared", "method": "dgpg", "setting": "sum", "sharing": "shared"}],
        "profiles": [{"row": "dgpg/sum/shared", "label": "DG-PG"}, {"row": "ippo/large", "label": ""}],
    })  # fmt: skip
    rows = identified(made, made["profiles"])
    assert rows[["method", "setting", "sharing"]].iloc[0].tolist() == ["dgpg", "sum", "shared"]
    assert rows["name"].tolist() == ["DG-PG", "IPPO"] and {look.family for look in looks(rows).values()} == {
        "DG-PG",
        "Without guidance",
    }
    assert looks(rows)["dgpg/sum/shared"].face == "white"
