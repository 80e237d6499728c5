"""Reading networks and trips: a good file by hand, and every bad line by its number."""

from __future__ import annotations

from pathlib import Path

import pytest

from dgpg_verify.core import InputError
from dgpg_verify.systems.roads.tntp import read_links, read_trips

HEAD = "<NUMBER OF ZONES> 2\n<NUMBER OF NODES> 4\n<FIRST THRU NODE> 3\n<NUMBER OF LINKS> {}\n<END OF METADATA>\n\n"
NAMES = "~\tinit\tterm\tcapacity\tlength\tfree_flow_time\tb\tpower\tspeed\ttoll\ttype\t;\n"  # line 7: links begin at 8
GOOD = ["\t1\t3\t10\t1\t2\t0.15\t4\t0\t0\t1\t;", "3 2 20 1 4 0.5 1;", "~ a comment", "1 4 5 1 0 0 0 ;"]
TRIPS = "<NUMBER OF ZONES> 2\n<TOTAL OD FLOW> {}\n<END OF METADATA>\nOrigin 1\n"  # trips begin on line 5


def network(folder: Path, *lines: str, count: int | None = None) -> Path:
    path = folder / "small_net.tntp"
    links = sum(not line.startswith("~") for line in lines)
    path.write_text(HEAD.format(links if count is None else count) + NAMES + "\n".join(lines) + "\n")
    return path


def trips(folder: Path, *lines: str, total: str = "7.5") -> Path:
    path = folder / "small_trips.tntp"
    path.write_text(TRIPS.format(total) + "\n".join(lines) + "\n")
    return path


def refusal(read: object, path: Path) -> str:
    with pytest.raises(InputError) as refused:
        read(path)  # type: ignore[operator]
    assert "\n" not in str(refused.value) and path.name in str(refused.value)
    return str(refused.value)


def test_a_network_by_hand(tmp_path: Path) -> None:
    links = read_links(network(tmp_path, *GOOD))
    assert links.start.tolist() == [0, 2, 0] and links.end.tolist() == [2, 1, 3] and links.first_through == 2
    assert links.capacity.tolist() == [10, 20, 5] and links.free_time.tolist() == [2, 4, 0]
    assert links.congestion.tolist() == [0.3, 2.0, 0.0] and links.power.tolist() == [4, 1, 0]


def test_trips_by_hand(tmp_path: Path) -> None:
    read = read_trips(trips(tmp_path, "  1 : 0.5;   2 :  3.0;", "", "Origin \t2", "1 : 4.0; 2 : 0.0;"))
    assert (read.origin.tolist(), read.destination.tolist(), read.amount.tolist()) == ([0, 1], [1, 0], [3.0, 4.0])


BAD_LINKS = [
    ("1 3 10 1 2 0.15", "line 9: 6 numbers, where init_node, term_node, capacity"),
    ("1 5 10 1 2 0.15 4;", "line 9: term_node = '5' must be a node in [1, 4]"),
    ("1.5 3 10 1 2 0.15 4;", "line 9: init_node = '1.5' must be a node"),
    ("0 3 10 1 2 0.15 4;", "line 9: init_node = '0'"),
    ("4 3 0 1 2 0.15 4;", "line 9: capacity = '0' must be > 0"),
    ("4 3 inf 1 2 0.15 4;", "line 9: capacity = 'inf'"),
    ("4 3 10 1 -2 0.15 4;", "line 9: free_flow_time = '-2' must be a finite number >= 0"),
    ("4 3 10 1 2 x 4;", "line 9: b = 'x'"),
    ("4 3 10 1 2 0.15 nan;", "line 9: power = 'nan'"),
    ("3 3 10 1 2 0.15 4;", "line 9: a link from node 3 to itself"),
    ("1 3 10 1 2 0.15 4;", "line 9: the link from 1 to 3 is on line 8 already"),
]


@pytest.mark.parametrize(("line", "said"), BAD_LINKS)
def test_a_bad_link_is_named(line: str, said: str, tmp_path: Path) -> None:
    assert said in refusal(read_links, network(tmp_path, GOOD[0], line))


def test_every_bad_line_is_named_at_once(tmp_path: Path) -> None:
    said = refusal(read_links, network(tmp_path, *(line for line, _ in BAD_LINKS), GOOD[1]))
    assert all(f"line {number}:" in said for number in range(8, 8 + len(BAD_LINKS) - 1)) and "line 19" not in said
    many = refusal(read_links, network(tmp_path, *["9 9 9"] * 60))
    assert many.count("line ") == 50 and many.endswith("; and 10 more")


BAD_TRIPS = [
    ("3 : 1.0;", "line 5: '3 : 1.0' must be a zone in [1, 2]"),
    ("2 : -1.0;", "line 5: '2 : -1.0'"),
    ("2 : many;", "line 5: '2 : many'"),
    ("2 1.0;", "line 5: '2 1.0'"),
    ("2 : 1; 2 : 2;", "line 5: trips from 1 to 2 are given twice"),
    ("Origin 7", "line 5: 'Origin 7' must be Origin and a zone in [1, 2]"),
]


@pytest.mark.parametrize(("line", "said"), BAD_TRIPS)
def test_bad_trips_are_named(line: str, said: str, tmp_path: Path) -> None:
    assert said in refusal(read_trips, trips(tmp_path, line))


def test_files_that_are_cut_off_or_foreign_are_refused(tmp_path: Path) -> None:
    assert "<NUMBER OF LINKS> is 4, and 3 links follow" in refusal(read_links, network(tmp_path, *GOOD, count=4))
    assert "<TOTAL OD FLOW> is 7.5, and the trips add up to 3" in refusal(read_trips, trips(tmp_path, "2 : 3.0;"))
    assert "holds no trip" in refusal(read_trips, trips(tmp_path, "1 : 7.5;"))
    assert "must be an existing TNTP file" in refusal(read_links, tmp_path / "none_net.tntp")
    other = tmp_path / "other_net.tntp"
    other.write_text("start,end\n1,2\n")
    assert "must have a line <END OF METADATA>" in refusal(read_links, other)
    other.write_bytes(b"\xff\xfe\x00")
    assert "text in UTF-8" in refusal(read_links, other)
    other.write_text("<NUMBER OF NODES> many\n<END OF METADATA>\n")
    assert "<NUMBER OF NODES> 'many' must be an integer >= 2" in refusal(read_links, other)
