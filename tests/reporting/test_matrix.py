"""Claims against readings: who decides, who is only shown, and what the lines say."""

from __future__ import annotations

import re

from dgpg_verify.core import LedgerRow
from dgpg_verify.core.moments import LEADING_MIXTURES
from dgpg_verify.reporting import claim_summary
from dgpg_verify.reporting.matrix import ANY, claim_matrix, matrix_lines, price_text
from tests.reporting.synthetic_run import ledger_row


def in_reading(reading: str, verdict: str, leading: bool = True, claim: str = "C1.4", **changes: object) -> LedgerRow:
    return ledger_row(f"{claim}/{reading}/{verdict}", claim, verdict, reading=reading, leading=leading, **changes)


def test_leading_readings_that_differ_make_the_headline_depend_and_both_sentences_stand() -> None:
    rows = [
        in_reading("parts", "supported", holds_when="It holds."),
        in_reading("mixed", "refuted", holds_when="It fails."),
    ]
    (summary,) = claim_summary(rows)
    assert summary.label == "depends"
    assert summary.holds_when == "In reading parts: It holds. In reading mixed: It fails."


def test_where_no_reading_says_what_the_headline_does_the_first_is_quoted() -> None:
    rows = [in_reading(name, "supported", holds_when=f"It holds in {name}.") for name in ("parts", "mixed")]
    (summary,) = claim_summary(rows)  # two leading readings were not measured
    assert (summary.label, summary.holds_when) == ("inconclusive", "It holds in parts.")


def test_an_undecided_claim_shows_the_reading_that_leaves_it_so() -> None:
    labels = dict.fromkeys(LEADING_MIXTURES, "supported") | {"mixed": "inconclusive"}
    (summary,) = claim_summary([in_reading(name, label) for name, label in labels.items()])
    assert summary.label == "inconclusive" and summary.deciding is not None
    assert summary.deciding.row == "C1.4/mixed/inconclusive"


def test_a_sensitivity_reading_never_turns_the_headline() -> None:
    leading = [in_reading(name, "supported") for name in LEADING_MIXTURES]
    (summary,) = claim_summary([*leading, in_reading("sum", "refuted", leading=False)])
    assert summary.label == "supported"
    assert [(r.reading, r.leading, r.label) for r in summary.readings][-1] == ("sum", False, "refuted")
    (control,) = claim_summary([*leading, in_reading("sum", "refuted")])  # were it leading, it would
    assert control.label == "depends"


def test_rows_outside_the_hypotheses_decide_nothing() -> None:
    rows = [ledger_row("C3.2/a", "C3.2"), ledger_row("C3.2/b", "C3.2", "refuted", inside=False)]
    (summary,) = claim_summary(rows)
    assert summary.label == "supported" and [row.row for row in summary.outside] == ["C3.2/b"]
    (alone,) = claim_summary(rows[1:])
    assert alone.label == "inconclusive" and "hypotheses" in alone.why


def test_rows_without_a_reading_count_in_every_one() -> None:
    rows = [*(in_reading(name, "supported") for name in LEADING_MIXTURES), ledger_row("C1.4/x", "C1.4", "refuted")]
    (summary,) = claim_summary(rows)
    assert summary.label == "refuted" and {r.label for r in summary.readings} == {"refuted"}


def test_a_claim_measured_in_sensitivity_readings_alone_is_not_decided() -> None:
    (summary,) = claim_summary([in_reading("sum", "refuted", leading=False)])
    assert summary.label == "inconclusive" and summary.deciding is None and summary.holds_when == ""


def test_leading_readings_without_a_row_are_named() -> None:
    rows = [in_reading("parts", "supported", claim="C4.4"), in_reading("sum", "refuted", leading=False, claim="C4.4")]
    (summary,) = claim_summary(rows)
    assert summary.label == "inconclusive" and summary.why.endswith("; not measured in mixed, joint, both")
    (summary,) = claim_summary([in_reading("parts", "supported", claim="C3.2")])  # joint is mixed there
    assert summary.label == "inconclusive" and summary.why.endswith("; not measured in mixed, both")
    differ = {"parts": "supported", "both": "refuted"}
    (differing,) = claim_summary([in_reading(name, label, claim="C4.4") for name, label in differ.items()])
    assert differing.label == "depends"  # whatever the others say
    (other,) = claim_summary([ledger_row("C1.1/a", "C1.1")])
    assert "not measured" not in other.why


def test_columns_and_lines() -> None:
    rows = [
        ledger_row("C1.1/a", "C1.1"),
        in_reading("parts", "supported", return_share=0.02),
        in_reading("sum", "refuted", leading=False, return_share=0.8),
    ]
    matrix = claim_matrix(rows)
    assert matrix.columns == (ANY, "parts", "sum") and matrix.titles == [ANY, "parts", "(sum)"]
    lines = matrix_lines(rows)
    assert lines[1].split() == ["C1.1", "yes", "yes", "1/0/0", "-", "-"]
    assert lines[2].split() == ["C1.4", "open", "-", "yes", "1/0/0", "no", "0/1/0"]
    assert all(line.isascii() and len(line) <= 120 for line in lines)
    assert matrix_lines([]) == []


def test_a_claim_of_which_nothing_decides_has_its_line() -> None:
    assert matrix_lines([ledger_row("C7/a", "C7", primary=False)])[:2] == ["claim  headline", "C7     open"]


def test_a_terminal_of_80_columns_has_verdicts_without_counts() -> None:
    readings = ("parts", "mixed", "joint", "both", "sum", "mean")
    rows = [in_reading(name, "refuted", name not in ("sum", "mean"), "C4.3a") for name in readings]
    rows.append(in_reading("practitioner", "inconclusive", claim="C4.2a"))
    wide, narrow = matrix_lines(rows), matrix_lines(rows, 80)
    assert max(map(len, wide)) > 80 >= max(map(len, narrow))
    assert "0/1/0" in wide[2] and "/" not in "".join(narrow)
    assert narrow[0].split()[-6:] == ["both", "joint", "mixed", "parts", "(mean)", "(sum)"]
    assert narrow[2].split() == ["C4.3a", "no", "-", *["no"] * 6]


def test_the_legend_says_what_stands_in_the_lines_and_no_more() -> None:
    lines = matrix_lines([in_reading("parts", "supported"), ledger_row("C1.1/a", "C1.1")], 200)
    assert lines[-1] == (
        "yes = supported; open = not decided; - = does not apply or was not measured; "
        "numbers = primary rows supported/refuted/not decided"
    )
    assert "(in brackets) = decides nothing" in matrix_lines([in_reading("sum", "refuted", False)], 200)[-1]


def test_verdicts_have_colours_only_where_asked_for() -> None:
    rows = [in_reading("parts", "refuted"), ledger_row("C1.1/a", "C1.1")]
    assert "\x1b" not in "".join(matrix_lines(rows, 80))
    coloured = matrix_lines(rows, 80, colour=True)
    assert "\x1b[32myes" in coloured[1] and "\x1b[31mno" in coloured[2]
    assert [re.sub(r"\x1b\[\d*m", "", line).rstrip() for line in coloured] == matrix_lines(rows, 80)


def test_readings_of_other_choices_share_a_column_and_are_named_there() -> None:
    rows = [in_reading("theta", "refuted", claim="C1.1"), in_reading("big_o", "supported", claim="C1.1")]
    first, second = matrix_lines(rows)[1:3]
    assert first.split(maxsplit=2)[2] == "theta: no 0/1/0" and second.strip() == "big_o: yes 1/0/0"


def test_the_price_is_the_range_of_the_returns_share() -> None:
    (summary,) = claim_summary([ledger_row(f"C1.4/{k}", "C1.4", return_share=k / 10) for k in (3, 1)])
    assert price_text(summary.readings[0]) == "\u03c9 0.10 \u2026 0.30"
    (summary,) = claim_summary([ledger_row("C1.4/a", "C1.4", return_share=None)])
    assert price_text(summary.readings[0]) == ""


def test_what_a_larger_scale_has_to_decide_has_a_star() -> None:
    rows = [in_reading("parts", "supported"), in_reading("parts", "supported", claim="C4.3a")]
    lines = matrix_lines(rows, preliminary=("C4.3a",))
    assert [line.split()[0] for line in lines[1:3]] == ["C1.4", "C4.3a*"] and "* = to be decided" in " ".join(lines)
    assert "*" not in "".join(matrix_lines(rows))
