"""What is measured of the other domains at each scale, fixed before any measurement."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dgpg_verify.claims.design import SCALES, Row
from dgpg_verify.core import check_choice

FAMILY = "domains"
TRAFFIC, POWER, RATES = "road_network", "power_dispatch", "rate_control"
GRID, NETWORK, BALANCED = f"{TRAFFIC}/grid", f"{TRAFFIC}/braess", f"{TRAFFIC}/braess/balanced"
GAMMAS = (0.0, 0.25, 0.5, 1.0, 2.0)
FLOOR_GAMMAS = GAMMAS[:3]
WEIGHED = {gamma: f"{POWER}/gamma {gamma:g}" for gamma in GAMMAS}
NORMALISED = f"{POWER}/normalised"
FLOORS = {gamma: f"{POWER}/floor/gamma {gamma:g}" for gamma in FLOOR_GAMMAS}
SPARSE, BOTTLENECK = f"{RATES}/sparse", f"{RATES}/bottleneck"
SPARSE_BALANCED, BOTTLENECK_BALANCED = f"{SPARSE}/balanced", f"{BOTTLENECK}/balanced"
CLASSICS = ("pigou", "braess")
BY_REFERENCE = {(name, reference): f"{TRAFFIC}/{name}/{reference}"
                for name in CLASSICS for reference in ("user_equilibrium", "system_optimum")}  # fmt: skip
WHERE = {
    GRID: "a town that grows with its travellers",
    NETWORK: "Braess's network, N drivers of weight 1/N",
    BALANCED: "Braess's network, N drivers of weight 1/N, reference = mean state",
    **{key: f"one balance, of weight N^-{gamma:g} in G" for gamma, key in WEIGHED.items()},
    NORMALISED: "one balance, divided by the demand",
    **{key: f"one balance, of weight N^-{gamma:g} in G" for gamma, key in FLOORS.items()},
    SPARSE: "3 of N links each",
    SPARSE_BALANCED: "3 of N links each, reference = mean state",
    BOTTLENECK: "one link for all",
    BOTTLENECK_BALANCED: "one link for all, reference = mean state",
    **{key: f"{name.capitalize()}'s network, reference {reference.replace('_', ' ')}"
       for (name, reference), key in BY_REFERENCE.items()},
}  # fmt: skip
DRIVERS = 240  # of equal weight: every division of them among the paths is compared
ROLLOUTS = 64
SIZES: Mapping[str, tuple[tuple[int, ...], int]] = {  # N and fleets of each
    "smoke": ((16, 32, 64, 128), 4),
    "standard": ((64, 128, 256, 512), 12),
    "full": ((256, 512, 1024, 2048), 30),
}


def domain_design(scale: str, parts: Collection[str] | None = None) -> list[Row]:
    """Rows of a scale, those of some systems (`parts`) or all."""
    check_choice("scale", scale, SCALES)
    n_values, fleets = SIZES[scale]
    grid = dict.fromkeys(n_values, fleets)
    noise: list[tuple[str, str, dict[str, Any]]] = [
        (GRID, TRAFFIC, {}),
        (NETWORK, f"{TRAFFIC}:braess", {}),
        (BALANCED, f"{TRAFFIC}:braess", {}),
        *((key, POWER, {"gamma": gamma}) for gamma, key in WEIGHED.items()),
        (NORMALISED, POWER, {"normalised": True}),
        *((key, RATES, {"topology": key.split("/")[1]})
          for key in (SPARSE, SPARSE_BALANCED, BOTTLENECK, BOTTLENECK_BALANCED)),
    ]  # fmt: skip
    rows = [_row(key, grid, "noise", system, options) for key, system, options in noise]
    rows += [_row(key, grid, "floor", POWER, {"gamma": gamma}) for gamma, key in FLOORS.items()]
    rows += [
        _row(key, {DRIVERS: 1}, "lost", f"{TRAFFIC}:{name}", {"reference": reference})
        for (name, reference), key in BY_REFERENCE.items()
    ]
    return [row for row in rows if parts is None or row.key.split("/")[0] in parts]


def _row(key: str, n_values: Mapping[int, int], part: str, system: str, options: Mapping[str, Any]) -> Row:
    """One variant of a system. Variants of a system meet the same draws at equal (N, fleet)."""
    asked = {"part": part, "system": system, "options": dict(options), "policy": "uniform"}
    if part == "noise":
        asked |= {"rollouts": ROLLOUTS, "balanced": key.endswith("/balanced")}
    return Row(FAMILY, key, n_values, asked, stream=f"{FAMILY}/{system}", notes={"where": WHERE.get(key, "")})
