"""Tables for a terminal: plain, aligned, never wrapped or cut."""

from __future__ import annotations

from dgpg_verify.reporting.terminal import table_lines


def test_columns_stand_two_spaces_apart_and_numbers_to_the_right() -> None:
    lines = table_lines(["name", "J", ""], [["a", "-1.25", "x"], ["longer", "3", ""]], right=["J"])
    assert lines == ["name        J", "a       -1.25  x", "longer      3"]


def test_nothing_is_wrapped_cut_or_read_as_markup() -> None:
    wide = ["[bold]0[/bold], 0.352014] :smile:", *(f"{k:.6f}" for k in range(60))]
    _, line = table_lines([str(k) for k in range(61)], [wide])
    assert line.split("  ") == wide and "\x1b" not in line
