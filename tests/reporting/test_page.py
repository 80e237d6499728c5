"""The page: self-contained, complete, honest about what is missing, silent about the machine."""

from __future__ import annotations

import html.parser
import json
import re
import shutil
from pathlib import Path

import pytest

from dgpg_verify.core import LABELS, InputError
from dgpg_verify.core.claim_ids import claim_order, natural
from dgpg_verify.reporting import claim_summary, draw, page_path, write_records, write_report
from dgpg_verify.reporting.pages.checks import CONTROLS
from dgpg_verify.reporting.pages.families import family_of
from dgpg_verify.reporting.pages.objections import OBJECTIONS, answer
from dgpg_verify.reporting.pages.render import PAPER
from dgpg_verify.reporting.pages.strip import domain, interval_strip
from dgpg_verify.reporting.provenance import flatten, repeat_command, scrub, took_text
from tests.reporting.synthetic_run import ENVIRONMENT, ledger, ledger_row, write_run


class Page(html.parser.HTMLParser):
    """Collects what a browser would fetch or jump to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.text: list[str] = []
        self.scripts = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if "id" in known:
            self.ids.append(known["id"])
        if tag == "a":
            self.links.append(known["href"])
        self.fetched += [known[k] for k in ("src", "srcset", "xlink:href", "poster") if k in known]
        if tag in ("link", "use", "image"):
            self.fetched += [known[k] for k in ("href",) if k in known]
        assert tag not in ("iframe", "object", "embed", "base")
        self.scripts += tag == "script"

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def pages_of(folder: Path) -> dict[str, str]:
    """The pages of a run folder, the one that only leads on left out."""
    return {path.name: path.read_text() for path in folder.glob("*.html") if path.name != "report.html"}


def check_links(folder: Path) -> set[str]:
    """Every jump on every page lands, within it or on another; ids are unique. Returns the names of the pages."""
    pages = {name: Page(text) for name, text in pages_of(folder).items()}
    for name, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), name
        for link in set(page.links) - {PAPER}:
            file, _, target = link.partition("#")
            assert (folder / (file or name)).is_file(), (name, link)
            assert not target or target in pages[file or name].ids, (name, link)
    return set(pages)


def objections(folder: Path) -> dict[str, str]:
    """What the first page says of each objection, by number."""
    text = (folder / "index.html").read_text()
    listed = text[text.index('<ol class="objections">') :]
    return dict(re.findall(r'<span class="n">(\d)</span>(.*?)</li>', listed, flags=re.S))


@pytest.fixture(scope="session")
def index(reported: Path) -> str:
    return (reported / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def text(reported: Path) -> str:
    return "".join(pages_of(reported).values())


@pytest.fixture(scope="session")
def page(text: str) -> Page:
    return Page(text)


def test_nothing_is_fetched_from_outside(text: str, page: Page) -> None:
    assert not re.search(r"https?:|//[a-z]+\.[a-z]", text.replace(PAPER, ""))
    assert "@import" not in text and "@font-face" not in text
    assert all(target.startswith(("#", "data:")) for target in page.fetched)
    assert not re.search(r"url\((?!#)", text)


def test_ids_are_unique_and_every_jump_lands(reported: Path) -> None:
    assert check_links(reported) == {"index.html", "noise.html", "equilibria.html", "instrument.html"}


def test_the_old_name_leads_on_to_the_first_page(reported: Path) -> None:
    assert page_path(reported) == reported / "index.html"
    assert 'url=index.html"' in (reported / "report.html").read_text()


def test_pages_of_families_that_are_gone_are_removed(tmp_path: Path) -> None:
    write_report(write_run(tmp_path, [ledger_row("a", "C1.1"), ledger_row("b", "C2.1"), ledger_row("c", "X1")]))
    assert check_links(tmp_path) == {"index.html", "noise.html", "equilibria.html", "further.html"}
    write_report(write_run(tmp_path, [ledger_row("a", "C1.1")]))
    assert check_links(tmp_path) == {"index.html", "noise.html"}


def test_every_id_has_one_family() -> None:
    found = {key: family_of(key).name for key in ("C1.4", "C98.1", "C4.3a", "A2", "A3", "A4", "A0.4", "C5", "words")}
    assert found == {
        "C1.4": "noise", "C98.1": "further", "C4.3a": "training", "A2": "equilibria", "A3": "instrument",
        "A4": "samples", "A0.4": "instrument", "C5": "instrument", "words": "noise",
    }  # fmt: skip


def test_the_share_that_is_decided_rightly_stands_beside_the_error_rates(reported: Path) -> None:
    page = (reported / "instrument.html").read_text()
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", page[page.index("<td>exponent 1/2</td>") :])[:7]
    assert cells == ["exponent 1/2", "1000", "0.00200", "0", "0.00500", "0.993", "0.00400"]


def test_the_machine_is_not_named(text: str) -> None:
    assert "/opt/" not in text and "secret" not in text and "must-not-show" not in text
    assert not re.search(r"(?<![\w.<])/(home|root|tmp|work|usr|var|Users)/", text)


def test_the_first_page_says_every_claim_with_label_sentence_and_interval(index: str) -> None:
    shown = " ".join(Page(index).text)
    for summary in claim_summary(ledger()):
        assert f'href="{family_of(summary.id).file}#{summary.id}"' in index
        assert summary.holds_when[1:].rstrip(".") in shown
        assert summary.statement in shown


def test_the_question_is_answered_first_claim_by_claim(index: str) -> None:
    lines = re.findall(r"<li>\n<div class=\"asked\">(.*?)</li>", index, flags=re.S)
    words = [" ".join(re.sub(r"<[^>]+>", " ", line).split()) for line in lines]
    assert [line.split()[0] for line in words] == ["C1.1", "C1.3", "C1.4", "C1.2"]  # C4.5 was not measured
    assert "supported" in words[0] and "refuted" in words[2]
    assert index.index('class="answers"') < index.index('class="matrix') < index.index('id="objections"')


def test_a_run_that_asks_none_of_the_questions_answers_none(tmp_path: Path) -> None:
    assert 'class="answers"' not in write_report(write_run(tmp_path, [ledger_row("a", "C2.1")])).read_text()


def test_results_come_before_what_checks_the_instrument(reported: Path) -> None:
    text = (reported / "noise.html").read_text()
    assert text.index("<figure") < text.index("<table") < text.index('<section id="controls">')
    assert text.index('<section id="words">') < text.index('<section id="C1.1">')
    checks = (reported / "instrument.html").read_text()
    order = [checks.index(f'id="{name}"') for name in ("A3", "controls", "oracles", "errors")]
    assert order == sorted(order)


def test_a_control_says_what_it_is_and_what_it_must_return(tmp_path: Path) -> None:
    control = {
        "kind": "control",
        "expected_label": "refuted",
        "verdict": "refuted",
        "statement": "The paper says so.",
    }
    write_report(write_run(tmp_path, [
        ledger_row("C1.2/toy/uniform/cross_agent_share/return", "C1.2", **control),
        ledger_row("C1.2/own control", "C1.2", **control),
    ]))  # fmt: skip
    text = (tmp_path / "noise.html").read_text()
    known, own = re.findall(r'<tr id="row-.*?</tr>', text, flags=re.S)
    assert "The shared return in place of the guidance" in known and "refuted: the test must see noise" in known
    assert "The paper says so" not in known and "Stands beside the claim: The paper says so" in own


def test_every_control_of_the_package_is_described() -> None:
    patterns = [entry["rows"] for entry in CONTROLS]
    assert len(patterns) == len(set(patterns))
    for entry in CONTROLS:
        assert set(entry) == {"rows", "what", "must"} and entry["must"].split(":")[0] in LABELS


def test_the_matrix_of_claims_and_readings_comes_first(tmp_path: Path) -> None:
    rows = [
        ledger_row("C1.4/a", "C1.4", reading="parts", return_share=0.25),
        ledger_row("C1.4/b", "C1.4", "refuted", reading="mixed"),
        ledger_row("C1.4/c", "C1.4", "refuted", reading="sum", leading=False),
        ledger_row("C1.1/a", "C1.1", reading="theta"),
    ]
    readings = [{"id": "parts", "choice": "mixture", "status": "leading", "formula": "a < b"}]
    text = write_report(write_run(tmp_path, rows, {"readings": readings})).read_text()
    matrix = text[text.index('class="matrix') : text.index('class="first')]
    cells = [
        " ".join(re.sub(r"<[^>]+>", " ", cell).split()) for cell in re.findall(r"<td[^>]*>(.*?)</td>", matrix, re.S)
    ]
    assert cells[:2] == ["C1.1 " + rows[3].statement, "supported"] and cells[2].startswith("theta: supported 1/0/0")
    assert cells[7] == "depends" and [re.split(r"[ ,]", cell)[0] for cell in cells[8:12]] == [
        "-",
        "refuted",
        "supported",
        "refuted",
    ]
    assert "\u03c9 0.25" in cells[10] and "(sum)" in matrix and "a &lt; b" in matrix


def test_every_row_its_reason_and_what_it_was_compared_with_are_on_a_page(page: Page) -> None:
    shown = " ".join(page.text)
    for row in ledger():
        assert f"row-{row.row.replace('/', '-').replace(':', '-').replace('_', '-')}" in page.ids
        assert row.because in shown
    assert shown.count("none is recorded") == 3 and "UNRECORDED" not in shown  # once a page


def test_failed_checks_are_flagged(page: Page) -> None:
    shown = " ".join(page.text)
    # 23 misses of 21; 6 false refutations of 4, alone and in its procedure's line; control/shared_total
    assert shown.count("\u2717 not as expected") == 4


def test_figures_are_inline_and_as_files_with_their_command(reported: Path, text: str) -> None:
    saved = {p.stem for p in (reported / "figures").glob("*.svg")}
    assert saved == {p.stem for p in (reported / "figures").glob("*.png")}
    assert len(saved) == 5 + 3 * 2
    assert text.count("<figure id=") == len(saved)
    assert text.count("--claims C1 --seed 1</code>") >= len(saved) - 1
    for png in (reported / "figures").glob("*.png"):
        assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_redrawing_gives_the_same_bytes(reported: Path, tmp_path: Path, text: str) -> None:
    for name in ("ledger.json", "environment.json"):
        (tmp_path / name).write_bytes((reported / name).read_bytes())
    kept = json.loads((reported / "records.json").read_text())["tables"]
    write_records(tmp_path, {"cross_agent": kept["cross_agent"], "declared": kept["declared"]})
    first = write_report(tmp_path).read_bytes()
    assert write_report(tmp_path).read_bytes() == first


def test_two_processes_draw_the_same_bytes(reported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(reported, tmp_path / "run")
    monkeypatch.setattr(draw, "MANY", 1)
    monkeypatch.setattr(draw, "default_workers", lambda: 2)
    write_report(tmp_path / "run")
    drawn = [path.relative_to(reported) for path in reported.rglob("*") if path.suffix in (".html", ".svg", ".png")]
    assert len(drawn) > 20
    assert [name for name in drawn if (tmp_path / "run" / name).read_bytes() != (reported / name).read_bytes()] == []


def test_empty_tables_are_said(tmp_path: Path) -> None:
    text = write_report(write_run(tmp_path, [ledger_row("a", "C1.1")])).read_text()
    shown = " ".join(Page(text).text)
    assert "Speed" not in shown and "Controls" not in shown and "Declared" not in shown  # no empty section
    assert text.index("Empty tables: moments") > text.index('id="provenance"') and "is left out" in text


def test_titles_of_claims_are_those_that_the_run_recorded(tmp_path: Path) -> None:
    rows = [ledger_row("a", "C1.1"), ledger_row("b", "C1.2"), ledger_row("c", "X9", kind="audit")]
    write_report(write_run(tmp_path, rows, titles={"C1.1": "A title of its own"}))
    text = "".join(pages_of(tmp_path).values())
    headings = re.findall(r'<h2><span class="id">(\S+)</span>(.*?)</h2>', text)
    assert dict(headings) == {
        "C1.1": "A title of its own",
        "C1.2": ledger_row("b", "C1.2").statement,  # no title was recorded: what the claim says stands in its place
        "X9": ledger_row("c", "X9").statement,
    }
    assert text.count("A title of its own") == 4, "in first line, matrix and contents, as heading; not in provenance"


@pytest.mark.parametrize("name", ["ledger.json", "records.json", "environment.json"])
def test_a_folder_without_one_of_its_files_is_refused(tmp_path: Path, name: str) -> None:
    (write_run(tmp_path / "run", ledger()) / name).unlink()
    with pytest.raises(InputError, match=re.escape(name)):
        write_report(tmp_path / "run")
    assert not pages_of(tmp_path / "run")


def test_text_from_files_cannot_become_markup(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    rows = [ledger_row("a<b", "C1.1", holds_when=evil, because=evil)]
    write_report(write_run(tmp_path, rows, {"declared": [{"text": evil}]}))
    for text in pages_of(tmp_path).values():
        assert "alert" not in text or "&lt;script" in text
        assert Page(text).scripts == 1  # the page's own


def test_objections_1_3_8_are_answered_by_links_the_others_said_open() -> None:
    answers = {o.number: answer(o, ledger(), {"variance", "cross_agent", "locality"}) for o in OBJECTIONS}
    assert [number for number, a in answers.items() if a.covered] == [1, 3, 8]
    assert {row.row for row in answers[8].rows} == {"control/endogenous", "control/biased:0.2"}
    assert not any(answer(o, [], set()).covered for o in OBJECTIONS)


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("python /home/me/project/run.py --out /tmp/x/y", "python run.py --out y"),
        ("C1.1/load_balancing/nsr", "C1.1/load_balancing/nsr"),
        ("file:///srv/data/jobs.csv", "jobs.csv"),
        ("C:\\Users\\me\\run.py", "run.py"),
        ("ratio a/b and / alone", "ratio a/b and / alone"),
    ],
)
def test_paths_are_cut_and_names_kept(given: str, left: str) -> None:
    assert scrub(given) == left


def test_commands_repeat_and_dispute() -> None:
    assert repeat_command(ENVIRONMENT) == "pytest theorems/ --benchmark --scale standard --seed 0"
    part = {"command": "pytest --claims C4,C5 --scale full --seed 5 --rows dgpg/*"}
    assert repeat_command(part) == "pytest theorems/ --benchmark --scale full --claims C4,C5 --seed 5"
    assert repeat_command(part | {"claims": ["C5", "C4.1a"]}) == repeat_command(part)
    later = repeat_command(part | {"claims": ["C5", "A1", "C10", "C4.1a", "C4.1b", "C3.3"]})  # C4,C5: its last sitting
    assert later == "pytest theorems/ --benchmark --scale full --claims C3,C4,C5,C10,A1 --seed 5"
    parsed = repeat_command({"command": "pytest --scale full --seed=7"}, "C1.4", other_seed=True)
    assert parsed == "pytest theorems/ --benchmark --scale full --claims C1 --seed 8"
    assert "hostname" not in dict(flatten(ENVIRONMENT)) and dict(flatten(ENVIRONMENT))["versions.torch"] == "2.13.0"


def test_a_dispute_begins_small_and_says_how_long_it_takes(reported: Path) -> None:
    text = (reported / "noise.html").read_text()
    caption = text[text.index("<figcaption>") : text.index("</figcaption>")]
    small, full = re.findall(r"<code>(.*?)</code>", caption)
    assert "--scale smoke --claims C1 --seed 1" in small and "--scale standard --claims C1 --seed 1" in full
    assert "one to two minutes" in caption and re.search(r"here it took \d+ (s|min)\)", caption)


def test_the_time_of_a_family_is_that_of_its_cells_each_counted_once() -> None:
    rows = [
        ledger_row("C1.1/a", "C1.1", files=["x", "y"], seconds=60.0),
        ledger_row("C1.2/a", "C1.2", files=["x", "y"], seconds=60.0),
        ledger_row("C1.2/b", "C1.2", files=["z"], seconds=20.4),
        ledger_row("C2.1/a", "C2.1", files=["v"], seconds=37600.0),
        ledger_row("C3.1/a", "C3.1", files=["w"], seconds=2826.0),
        ledger_row("C4.1/a", "C4.1", files=["u"], seconds=0.0),
    ]
    found = [took_text(rows, {"workers": 2}, claim) for claim in ("C1.4", "C2", "C3", "C4", "C5")]
    assert found == ["40 s", "5.2 h", "24 min", "", ""]
    assert took_text(rows, {}, "C1") == ""


def test_strips_share_a_scale_and_one_wild_interval_dwarfs_nothing() -> None:
    rows = [ledger_row("a", "C1.1"), ledger_row("b", "C1.1", low=-1e6, high=1e6)]
    low, high = domain(rows)
    assert -2 < low < 0 and 1.15 < high < 3
    assert 'class="dot"' in interval_strip(rows[0], (low, high))
    blank = interval_strip(ledger_row("c", "C1.1", estimate=None, low=None, high=None), (low, high))
    assert 'class="dot"' not in blank and 'class="interval"' not in blank
    assert domain([ledger_row("d", "A1", estimate=0.0, low=0.0, high=0.0, expected=0.0, margin=0.0)])[0] < 0


def test_rows_and_claims_are_in_natural_order() -> None:
    assert sorted(["a/N=10/x", "a/N=2/x", "a/N=5/x", "b"], key=natural) == ["a/N=2/x", "a/N=5/x", "a/N=10/x", "b"]
    assert sorted(["A1", "C1.10", "C1.2"], key=claim_order) == ["C1.2", "C1.10", "A1"]
