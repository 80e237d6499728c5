"""Where nodes lie: files by hand with every kind of bad line, streets, textbooks, and travel times as distances."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dgpg_verify.core import InputError
from dgpg_verify.systems import RoadNetwork
from dgpg_verify.systems.roads.links import Links
from dgpg_verify.systems.roads.places import places_by_time, road_map
from dgpg_verify.systems.roads.tntp import read_links, read_places
from tests.systems.roads.test_road_network import DIAMOND, write_network, write_trips

NODES = "Node\tX\tY\t;\n1\t-96.5\t60.0\t;\n3 -96.7 60.0 ;\n2\t-96.7\t60.1\t;\n~ a comment\n\n4 -96.5 60.1;\n"


def nodes(folder: Path, text: str = NODES) -> Path:
    path = folder / "small_node.tntp"
    path.write_text(text)
    return path


def game(folder: Path) -> RoadNetwork:
    file = write_network(folder, *DIAMOND, "2 3 1 1 1 0 0;")
    write_trips(folder, "2 : 7.0;", total="7")
    return RoadNetwork.random(5, network=str(file))


def test_places_by_hand(tmp_path: Path) -> None:
    found = read_places(nodes(tmp_path), 4)
    assert found.tolist() == [[-96.5, 60.0], [-96.7, 60.1], [-96.7, 60.0], [-96.5, 60.1]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1 0 0;\n2 1;", "line 2: '2 1;' must be a node in"),
        ("1 0 0;\n5 1 1;", "line 2: '5 1 1;'"),
        ("1 0 0;\n2 x 1;", "line 2: '2 x 1;'"),
        ("1 0 0;\n2 inf 1;", "line 2"),
        ("1 0 0;\n4 1 1;", "no place of node 2, 3"),
    ],
)
def test_bad_files_of_nodes_are_named(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        read_places(nodes(tmp_path, text), 4)


def test_a_map_takes_the_file_beside_the_network(tmp_path: Path) -> None:
    """Longitudes are shorter than latitudes by the cosine of the latitude, 1/2 at 60 degrees."""
    made = game(tmp_path)
    by_time = road_map(made)
    assert "travel times" in by_time.source and by_time.places.shape == (4, 2)
    nodes(tmp_path)
    found = road_map(made)
    assert found.source == "small_node.tntp" and found.start.tolist()[:2] == [0, 0] and found.end.tolist()[:2] == [2, 3]
    east, north = np.ptp(found.places, axis=0)
    assert east / north == pytest.approx(0.2 * np.cos(np.radians(60.05)) / 0.1)


def test_other_coordinates_stay_as_they_are(tmp_path: Path) -> None:
    made = game(tmp_path)
    nodes(tmp_path, "1 0 0;\n2 40 0;\n3 0 30;\n4 40 30;")
    assert np.ptp(road_map(made).places, axis=0).tolist() == [40.0, 30.0]


def test_without_a_file_distances_are_travel_times() -> None:
    """A street of five crossings: its map is the street."""
    here, there = np.arange(4), np.arange(1, 5)
    times = np.array([1.0, 2.0, 0.5, 3.0])
    ends = np.concatenate([here, there]), np.concatenate([there, here])
    links = Links(*ends, np.ones(8), np.tile(times, 2), np.zeros(8), np.ones(8))
    found = places_by_time(links)
    np.testing.assert_allclose(np.abs(np.diff(found[:, 0])), times, atol=1e-6)
    np.testing.assert_allclose(found[:, 1], 0.0, atol=1e-6)


def test_streets_and_textbooks_have_places() -> None:
    town = RoadNetwork.random(21)
    found = road_map(town)
    assert len(found.start) == len(town.capacity)
    steps = np.abs(found.places[found.end] - found.places[found.start])
    assert (steps.sum(1) == 1.0).all(), "a street joins neighbouring crossings"
    first = town.links[0, 0][town.links[0, 0] >= 0].numpy()
    assert found.end[first][:-1].tolist() == found.start[first][1:].tolist(), "a traveller's links follow each other"
    for name, size in (("braess", 4), ("pigou", 2)):
        assert road_map(RoadNetwork.random(3, network=name)).places.shape == (size, 2)


def test_a_network_given_by_its_parts_has_no_map() -> None:
    made = RoadNetwork.random(3, network="braess")
    with pytest.raises(InputError, match="has no map"):
        road_map(made.with_reference(made.reference_state))


def test_links_and_places_have_the_same_nodes(tmp_path: Path) -> None:
    links = read_links(write_network(tmp_path, *DIAMOND))
    assert places_by_time(links).shape == (4, 2)
