"""Road networks: links with congestion, who travels where by which paths, equilibria and the game."""

from dgpg_verify.systems.roads.road_network import RoadNetwork
