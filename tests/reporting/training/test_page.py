"""The training section of the page: its tables, its links, and runs of only some of the claims."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from dgpg_verify.reporting import TABLES, write_report
from dgpg_verify.reporting.pages.objections import OBJECTIONS, answer
from dgpg_verify.reporting.provenance import run_claims
from dgpg_verify.reporting.records import expected_tables
from dgpg_verify.reporting.training.tables import reach_groups, score_groups, tuning_groups
from tests.reporting.synthetic_run import ENVIRONMENT, ledger, ledger_row, write_run
from tests.reporting.test_page import Page, check_links, objections
from tests.reporting.training.synthetic_training import budget_tables, training_tables

CLAIMS = ["C4.1a", "C4.1b", "C4.2a", "C4.3a", "C4.4", "C4.5", "C5"]


def make_training_run(folder: Path, **given: list[dict[str, Any]]) -> Path:
    """A run folder with only training tables (all, or those given)."""
    rows = [ledger_row(f"{claim}/cloud", claim, system="cloud") for claim in CLAIMS]
    rows.append(ledger_row("C4.1a/ablation/no guidance", "C4.1a", "refuted", primary=False))
    write_report(write_run(folder, rows, given or training_tables(seeds=3), **ENVIRONMENT, claims=CLAIMS))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_training_run(tmp_path_factory.mktemp("training") / "run")


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return (folder / "training.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_only_tables_of_the_claims_run_are_missed_and_that_at_the_end(folder: Path, text: str) -> None:
    index = (folder / "index.html").read_text()
    assert re.findall(r'class="note">(.*?)</p>', index) == ["Empty tables: declared."]
    assert index.index("Empty tables") > index.index('id="provenance"') and "Empty tables" not in text


def test_jumps_land_and_ids_are_unique(folder: Path) -> None:
    assert check_links(folder) == {"index.html", "training.html", "instrument.html"}


def test_sections_come_in_order(text: str) -> None:
    order = [text.index(f'<section id="{claim}">') for claim in ("C4", *CLAIMS) if claim != "C5"]
    assert order == sorted(order)


def test_every_score_is_on_the_page(page: Page) -> None:
    shown = " ".join(page.text)
    for row in training_tables(seeds=3)["training_scores"]:
        assert f"{row['iqm']:.3f}" in shown and row["row"] in shown
    assert "HAPPO" in shown and "difference reward" in shown


def test_the_search_shows_the_chosen_setting_first(text: str) -> None:
    part = text[text.index('id="table-tuning"') :]
    assert part.index("sharing shared") < part.index("default") < part.index("actor lr 0.002")
    assert text.index('id="C4.2a"') < text.index('id="table-tuning"') < text.index('id="C4.3a"')


def test_objections_4_and_6_lead_to_the_new_rows_figures_and_tables(folder: Path) -> None:
    items = objections(folder)
    for link in ("#ablations", "#learning_curves", "#table-training_scores", "#row-C4.1a-ablation-no-guidance"):
        assert f'href="training.html{link.replace("_", "-") if "table" not in link else link}"' in items["4"], link
    for link in ("#learning-curves", "#score-profiles", "#training-scaling", "#table-training_scores", "#table-tuning"):
        assert f'href="training.html{link}"' in items["6"], link
    assert items["4"].index("C4.1a/ablation") < items["4"].index("C4.1a/cloud")


def test_objections_link_only_to_tables_that_are_there() -> None:
    fourth = next(o for o in OBJECTIONS if o.number == 4)
    assert answer(fourth, [], set()).covered is False
    assert answer(fourth, [ledger_row("a", "C4.1a")], set()).tables == {}
    assert [*answer(fourth, [], set(), ["training_scores"]).tables] == ["training_scores"]


def test_a_run_without_training_says_nothing_of_it(tmp_path: Path) -> None:
    options = {"claims": ["C1.1", "A3"]}
    run = write_run(tmp_path, ledger(), {"declared": [{"text": "x"}]}, **ENVIRONMENT, options=options)
    text = write_report(run).read_text()
    notes = " ".join(re.findall(r'class="note">(.*?)</p>', text))
    assert "Empty tables: moments" in notes and "Variance and noise-to-signal" in notes
    for word in ("curves", "training_scores", "Learning", "guidance_cost"):
        assert word not in notes, word
    assert "training.html" not in text


def test_numbers_that_are_not_known_are_dashes(tmp_path: Path) -> None:
    made = training_tables(seeds=3)
    blank = [{k: None if isinstance(v, float) else v for k, v in row.items()} for row in made["training_scores"]]
    folder = make_training_run(tmp_path / "run", training_scores=blank)
    part = (folder / "training.html").read_text()
    part = part[part.index('id="table-training_scores"') :]
    part = part[: part.index("</section>")]
    assert "None" not in part and ">-<" in part


def test_expected_tables_follow_the_claims() -> None:
    assert set(TABLES) - set(expected_tables(None)) == {"coverage", "speed", "readings"}  # nobody misses these
    assert "tuning" in expected_tables(["C4.2a"]) and "tuning" not in expected_tables(["C4.4"])
    assert expected_tables(["A0.4"]) == ["calibration"]  # coverage is A0's alone
    assert expected_tables(["C10"]) == ["domains", "declared"]  # and none of C1
    assert expected_tables(["A1"]) == expected_tables(["C1.5"]) == []
    assert run_claims({"claims": ["C5"]}) == run_claims({"options": {"claims": ["C5"]}}) == ["C5"]
    assert run_claims({}) is None and run_claims({"claims": "C4"}) is None


def test_groups_keep_every_record_and_put_main_first() -> None:
    made = training_tables(seeds=2)
    groups = score_groups(list(reversed(made["training_scores"])))
    assert groups[0]["open"] and [g["open"] for g in groups].count(True) == 1
    kept = [row for g in groups for block in g["blocks"] for row in block["rows"]]
    assert len(kept) == len(made["training_scores"])
    assert [r["n"] for r in groups[0]["blocks"][0]["rows"]] == sorted(r["n"] for r in groups[0]["blocks"][0]["rows"])
    odd = score_groups([{"row": "a", "n": 2, "part": "new"}])
    assert odd[0]["title"] == "new"


def test_searches_stand_apart_by_their_episodes() -> None:
    made = training_tables(seeds=2)["tuning"]
    longer = [{**row, "episodes": 500} for row in made if row["method"] == "mappo"]
    first, second = tuning_groups([*made, *longer])
    assert [len(block["rows"]) for block in first["blocks"]] == [3, 3]
    assert first["title"] == "2 searches of 3 settings, 30 episodes a run"
    assert second["title"] == "1 search of 3 settings, 500 episodes a run"
    assert [row["chosen"] for row in second["blocks"][0]["rows"]] == [4, 1, 0]


def test_first_at_best_fit_stands_below_its_figure(tmp_path: Path) -> None:
    made = budget_tables(seeds=3)
    text = (make_training_run(tmp_path / "run", **made) / "training.html").read_text()
    figure, table = text.index('<figure id="score-by-budget"'), text.index('id="table-first_reach"')
    assert figure < table and text.count("<figure id=", figure, table) == 1
    part = text[table : text.index("</details>", table)]
    blocks = reach_groups(made["first_reach"])
    assert sum(len(block["rows"]) for block in blocks) == len(made["first_reach"]) == part.count("<tr") - 1
    never = reach_groups([{"row": "a", "n": 5, "part": "odd"}, {"row": "b", "n": 5, "part": "main"}])
    assert [block["row"] for block in never] == ["b", "a"]
