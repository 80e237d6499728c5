"""The sections on sample complexity of the page: tables, words, links, and runs of only some of the claims."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dgpg_verify.reporting import write_report
from dgpg_verify.reporting.records import expected_tables
from dgpg_verify.reporting.samples.tables import (
    arrival_groups,
    constant_groups,
    exponent_groups,
    floor_groups,
    predicted_groups,
    tuning_lines,
)
from tests.reporting.samples.synthetic_samples import FACTORS, NS, POWERS, SYSTEMS, complexity_tables
from tests.reporting.synthetic_run import ENVIRONMENT, ledger_row, write_run
from tests.reporting.test_page import check_links, objections

CLAIMS = ["C3.1", "C3.2", "C3.3", "A4"]
OF_C3 = ("complexity_exponents", "complexity_floors", "complexity_arrivals", "complexity_tuning")
OF_A4 = ("complexity_constants", "complexity_predicted")


def make_run(folder: Path, tables: dict[str, list[dict[str, Any]]]) -> Path:
    """A run folder with tables of sample complexity."""
    rows = [ledger_row(f"{claim}/team", claim, "refuted", system="team/aligned") for claim in CLAIMS]
    write_report(write_run(folder, rows, tables, **ENVIRONMENT, claims=CLAIMS))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("complexity") / "run", complexity_tables())


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return (folder / "samples.html").read_text(encoding="utf-8")


def section(text: str, key: str) -> str:
    """A section of the page, without the line breaks of its template."""
    start = text.index(f'<section id="{key}">')
    return " ".join(re.sub(r">\s+<", "><", text[start : text.index("</section>", start)]).split())


def test_jumps_land_and_ids_are_unique(folder: Path) -> None:
    assert check_links(folder) == {"index.html", "samples.html"}


def test_sections_come_in_order_with_their_figures_and_tables(text: str) -> None:
    places = [text.index(f'<section id="{claim}">') for claim in ("C3", *CLAIMS)]
    assert places == sorted(places)
    overview, audit = section(text, "C3"), section(text, "A4")
    for name in ("samples_to_gap", "complexity_collapse", "complexity_floors"):
        assert f'id="{name.replace("_", "-")}"' in overview, name
    assert 'id="complexity-constants"' in audit
    assert all(f'id="table-{name}"' in overview for name in OF_C3)
    assert all(f'id="table-{name}"' in audit for name in OF_A4)


def test_every_figure_and_table_says_how_to_dispute_it(text: str) -> None:
    for key, count in (("C3", 3 + 3), ("A4", 1 + 2)):
        commands = re.findall(r"Dispute it: <code>(.*?)</code>", section(text, key))
        assert len(commands) == count and all(f"--claims {key} --seed" in command for command in commands)
    assert "dgpg-verify samples --help" in section(text, "C3")


def test_eps_is_said_in_words(text: str) -> None:
    said = section(text, "C3")
    assert "from a tenth to a three-hundredth of the first gap" in said
    assert (
        "A gap of first gap / 100 says: of all that there was to gain at the start, 99&nbsp;% has been gained" in said
    )


def test_every_exponent_stands_beside_its_verdict(text: str) -> None:
    made, said = complexity_tables(), section(text, "C3")
    made["complexity_exponents"] = [
        {**row, "value": 0.4321} if (row["system"], row["method"], row["step_rule"], row["what"]) ==
        ("game/fluid", "return", "greedy", "q") else row for row in made["complexity_exponents"]
    ]  # fmt: skip
    groups = exponent_groups(made["complexity_exponents"])
    assert [(g["system"], g["step"]) for g in groups[:2]] == [
        ("Team, aligned", "the theory's steps"), ("Team, aligned", "greedy oracle steps")
    ]  # fmt: skip
    assert len(groups) == 2 * len(SYSTEMS) and all(len(g["rows"]) == len(POWERS) for g in groups)
    assert groups[3]["rows"][0]["method"] == "shared return" and groups[3]["rows"][0]["q"]["value"] == 0.4321
    for group in groups:
        for row in group["rows"]:
            for what in ("p", "q"):
                found = row[what]
                if found["value"] not in (None, 0.4321):
                    cell = f'{found["value"]:.2f} <span class="small">[{found["low"]:.2f}, {found["high"]:.2f}]</span></td><td><span class="chip {found["verdict"]}">'  # noqa: E501
                    assert cell in said, cell


def test_runs_that_never_arrive_are_said(text: str) -> None:
    said = section(text, "C3")
    assert "never 31&nbsp;%" in said  # 5 of 16 fleets
    assert "never 100&nbsp;%" in said
    groups = arrival_groups(complexity_tables()["complexity_arrivals"])
    assert groups[0]["factors"] == list(FACTORS)
    assert [line["n"] for line in groups[0]["rows"][0]["lines"]] == list(NS)
    assert all(set(line["at"]) == set(FACTORS) for m in groups[0]["rows"] for line in m["lines"])


def test_floors_and_constants_stand_at_both_ends_of_n() -> None:
    made = complexity_tables()
    for groups in (
        floor_groups(list(reversed(made["complexity_floors"]))),
        constant_groups(list(reversed(made["complexity_constants"]))),
    ):
        assert len(groups) == len(SYSTEMS)
        for group in groups:
            for row in group["rows"]:
                assert [at["n_agents"] for at in row["ends"]] == [NS[0], NS[-1]]


def test_floors_that_are_rounding_are_none() -> None:
    row = {"system": "team/aligned", "method": "return", "n_agents": 8, "low": None, "high": 2e-3, "settled": True}
    for floor, shown in ((-8e-14, 0.0), (3e-17, 0.0), (2e-9, 2e-9), (None, None)):
        end = floor_groups([{**row, "floor": floor}])[0]["rows"][0]["ends"][0]
        assert (end["floor"], end["low"], end["high"]) == (shown, None, 2e-3)


def test_a_bound_that_was_exceeded_is_counted(tmp_path: Path) -> None:
    made = complexity_tables()
    rows = [{**row, "step_rule": "theory"} for row in made["complexity_predicted"]]
    assert sum(r["short"] for g in predicted_groups(rows) for r in g["rows"]) == 0
    rows[0] = {**rows[0], "observed": 2.0 * rows[0]["predicted"], "ratio": 0.5}
    first = predicted_groups(rows)[0]["rows"][0]
    assert (first["short"], first["least"]) == (1, 0.5)
    never = {**rows[0], "observed": None, "ratio": None}
    assert predicted_groups([rows[0], never])[0]["rows"][0]["count"] == 1


def test_tries_of_the_tuned_steps_are_listed_or_left_open() -> None:
    made = complexity_tables()["complexity_tuning"]
    line = tuning_lines(made)[0]
    assert line["scale"] == 2.0 and line["tries"][0] == (0.25, None) and len(line["tries"]) == 5
    assert tuning_lines([made[0] | {"tried": None, "median_samples": None}])[0]["tries"] == []


def test_objections_three_and_five_lead_to_rows_figures_and_tables(folder: Path) -> None:
    items = objections(folder)
    wanted = {
        "3": ("complexity-constants", "table-complexity_constants", "row-A4-team"),
        "5": ("samples-to-gap", "complexity-collapse", "complexity-constants", "table-complexity_exponents",
              "table-complexity_predicted", "row-C3.1-team", "row-C3.2-team"),
    }  # fmt: skip
    for number, links in wanted.items():
        for link in links:
            assert f'href="samples.html#{link}"' in items[number], (number, link)


def test_numbers_that_are_not_known_are_dashes(tmp_path: Path) -> None:
    keep = ("system", "method", "step_rule", "n_agents", "factor", "what", "source")
    tables = complexity_tables()
    blank = {name: [{k: v if k in keep else None for k, v in row.items()} for row in tables[name]]
             for name in (*OF_C3, *OF_A4)}  # fmt: skip
    page = (make_run(tmp_path / "run", blank) / "samples.html").read_text()
    for key in ("C3", "A4"):
        assert "None" not in section(page, key) and ">-<" in section(page, key)


def test_a_run_without_sample_complexity_says_nothing_of_it(tmp_path: Path) -> None:
    rows, declared = [ledger_row("C1.1/games", "C1.1")], {"declared": [{"text": "x"}]}
    page = write_report(write_run(tmp_path, rows, declared, **ENVIRONMENT, claims=["C1.1"])).read_text()
    notes = " ".join(re.findall(r'class="note">(.*?)</p>', page))
    assert "samples.html" not in page and "complexity" not in notes.lower()


def test_runs_of_c3_and_a4_expect_their_tables_only() -> None:
    of_c3, of_a4 = ({t for t in expected_tables([claim]) if t.startswith("complexity")} for claim in ("C3.1", "A4"))
    assert of_c3 == {*OF_C3, "complexity_curves"} and of_a4 == set(OF_A4)
    assert "assumptions" not in expected_tables(["A4"])
