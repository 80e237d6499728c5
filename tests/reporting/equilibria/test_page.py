"""The equilibrium sections of the page: tables, links, and runs of only some of the claims."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dgpg_verify.reporting import write_report
from dgpg_verify.reporting.equilibria.tables import (
    alignment_groups,
    annealing_groups,
    law_blocks,
    tradeoff_groups,
)
from tests.reporting.equilibria.synthetic_equilibria import RULES, equilibrium_tables, laws
from tests.reporting.synthetic_run import ENVIRONMENT, ledger_row, write_run
from tests.reporting.test_page import check_links, objections

CLAIMS = ["C2.1", "C2.2", "A2"]
TABLES = ("counterexamples", "tradeoff", "annealing", "equilibrium_rates", "equilibrium_values", "alignment")


def make_run(folder: Path, tables: dict[str, list[dict[str, Any]]]) -> Path:
    """A run folder with equilibrium tables."""
    rows = [ledger_row(f"{claim}/games", claim, "refuted", system="load_balancing") for claim in CLAIMS]
    write_report(write_run(folder, rows, tables, **ENVIRONMENT, claims=CLAIMS))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("equilibria") / "run", equilibrium_tables())


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return (folder / "equilibria.html").read_text(encoding="utf-8")


def test_jumps_land_and_ids_are_unique(folder: Path) -> None:
    assert check_links(folder) == {"index.html", "equilibria.html"}


def test_sections_come_in_order_with_their_figures_and_tables(text: str) -> None:
    places = {claim: text.index(f'<section id="{claim}">') for claim in ("C2", "C2.1", "C2.2", "A2")}
    assert list(places.values()) == sorted(places.values())
    overview = text[places["C2"] : places["C2.1"]]
    assert 'id="table-tradeoff"' in overview and 'id="equilibrium-field"' in overview
    assert 'id="table-counterexamples"' in text[places["C2.1"] : places["C2.2"]]
    practical = text[places["C2.2"] : places["A2"]]
    for name in ("equilibrium-rates", "equilibrium-bias", "alpha-limits", "equilibrium-values"):
        assert f'id="{name}"' in practical, name
    assert 'id="table-equilibrium_rates"' in practical and 'id="table-equilibrium_values"' in practical


def test_every_table_and_figure_says_how_to_dispute_it(text: str) -> None:
    part = text[text.index('<section id="C2">') :]
    commands = re.findall(r"Dispute it: <code>(.*?)</code>", part)
    assert len(commands) == 7 + len(TABLES)
    assert all("--claims C2 --seed" in command for command in commands[:-1])
    assert "--claims A2 --seed" in commands[-1]


def test_every_rate_and_value_is_on_the_page(text: str) -> None:
    made = equilibrium_tables()
    for row in made["equilibrium_rates"]:
        assert f"{row['rate']:.4f}" in text
    for row in made["equilibrium_values"]:
        assert f"{row['mean_loss']:.2g}" in text
    for row in made["counterexamples"]:
        assert row["words"] in text and row["status"] in text and row["file"] in text


def test_the_second_objection_leads_to_rows_figures_and_tables(folder: Path) -> None:
    items = objections(folder)
    for link in ("equilibrium-rates", "alpha-limits", "table-counterexamples", "row-C2.1-games", "row-A2-games"):
        assert f'href="equilibria.html#{link}"' in items["2"], link
    assert 'href="equilibria.html#equilibrium-bias"' in items["8"]


def test_numbers_that_are_not_known_are_dashes(tmp_path: Path) -> None:
    keep = ("cost", "reference", "which", "system", "rule", "n", "alpha", "form", "reading", "inclusion", "words",
            "file", "status", "n_agents", "n_actions", "points", "kind", "n_values", "policy", "fleets")  # fmt: skip
    blank = {name: [{k: v if k in keep else None for k, v in row.items()} for row in rows]
             for name, rows in equilibrium_tables().items() if name in TABLES}  # fmt: skip
    page = (make_run(tmp_path / "run", blank) / "equilibria.html").read_text()
    part = page[page.index('<section id="C2">') :]
    assert "None" not in part and ">-<" in part


def test_a_run_without_equilibria_says_nothing_of_them(tmp_path: Path) -> None:
    rows, declared = [ledger_row("C1.1/games", "C1.1")], {"declared": [{"text": "x"}]}
    page = write_report(write_run(tmp_path, rows, declared, **ENVIRONMENT, claims=["C1.1"])).read_text()
    notes = " ".join(re.findall(r'class="note">(.*?)</p>', page))
    assert not (tmp_path / "equilibria.html").exists() and "equilibria.html" not in page
    for word in ("equilibri", "tradeoff", "counterexamples", "annealing"):
        assert word not in notes.lower(), word


def test_groups_keep_every_record_in_order() -> None:
    made = equilibrium_tables()
    rates = law_blocks(list(reversed(made["equilibrium_rates"])))
    assert sum(len(block["rows"]) for block in rates) == len(made["equilibrium_rates"])
    assert rates[0]["rows"][0]["kind"] == "primary" and rates[-1]["rows"][0]["kind"] != "primary"
    assert [row["alpha"] for row in rates[0]["rows"]][-2:] == [0.9, "every"]
    worth = law_blocks(made["equilibrium_values"])
    assert len(worth) == len(laws())
    assert [row["which"] for row in worth[0]["rows"]] == sorted(row["which"] for row in worth[0]["rows"])
    rules = tradeoff_groups(made["tradeoff"])
    assert [group["label"] for group in rules] == ["Linear-quadratic team", "Load-balancing game"]
    assert all(len(group["rows"]) == len(RULES) for group in rules)
    assert (rules[0]["rows"][0]["first_n"], rules[0]["rows"][0]["last_n"]) == (16, 256)
    annealed = annealing_groups(list(reversed(made["annealing"])))
    assert [row["alpha_end"] for row in annealed[-1]["rows"]] == [0.2, 0.1, 0.0]  # 0.9 is no end of annealing
    assert [group["label"] for group in annealed[:2]] == ["Linear-quadratic team", "Games with entropy"]
    aligned = alignment_groups(made["alignment"])
    assert sum(len(block["rows"]) for block in aligned) == len(made["alignment"])
    assert aligned[0]["label"] == "Load-balancing game, quadratic cost, fluid (the paper's), 4 agents"
