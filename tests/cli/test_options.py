"""Tables of the command line: whole in a file, wrapped between words in a narrow terminal."""

from __future__ import annotations

import pytest

from dgpg_verify.cli.options import text_table

HEAD = ("credit", "variance", "noise-to-signal", "share", "cross")
ROWS = [
    ("guided:0.5@return", "0.0031", "36.6 [-227.11, 300.25]", "0.0266 [-0.0641, 0.117]", "-"),
    ("return", "12.5", "1 [1, 1]", "1 [1, 1]", "0.352"),
]


def test_a_file_gets_one_line_per_row() -> None:
    lines = text_table(HEAD, ROWS, right=("variance",)).splitlines()
    assert lines == [
        "credit             variance  noise-to-signal         share                    cross",
        "guided:0.5@return    0.0031  36.6 [-227.11, 300.25]  0.0266 [-0.0641, 0.117]  -",
        "return                 12.5  1 [1, 1]                1 [1, 1]                 0.352",
    ]


@pytest.mark.parametrize("width", [30, 63, 70, 90])
def test_a_narrow_terminal_loses_no_word(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("LINES", "20")
    text = text_table(HEAD, ROWS * 3, right=("variance",))
    words = text.split()
    for row in (HEAD, *ROWS):
        assert all(word in words for cell in row for word in cell.split())
    least = 17 + 8 + 15 + 9 + 5 + 4 * 2  # the longest word of each column and two blanks between
    assert max(map(len, text.splitlines())) <= max(width, least)
    assert (len(text.splitlines()) > 7) == (width < 83)
