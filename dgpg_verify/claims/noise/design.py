"""What is measured for C1.1 - C1.4 at each scale, fixed before any measurement.

Laws of the fleets do not depend on N; fleets come first, roll-outs second. `smoke` proves that everything runs,
`standard` decides the primary rows and leaves what decides nothing small, or to `full`, which goes to the paper's
N = 1500 on the cloud and to 100 000 in the game.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from dgpg_verify.claims.design import SCALES, Row
from dgpg_verify.claims.subjects import RECORDED_INPUT, traces_folder
from dgpg_verify.core import check_choice
from dgpg_verify.core.moments import MEASURED_SETTINGS

FAMILY = "gradients"
SETTINGS = MEASURED_SETTINGS
SCHEDULE = {"start": 0.9, "middle": 0.55, "end": 0.2}  # the paper's linear schedule 0.9 -> 0.2
FIXED_ALPHAS = (0.2, 0.4, 0.6, 0.8)
CURVE_ALPHAS = tuple(sorted({*SCHEDULE.values(), *FIXED_ALPHAS}))
# the bare score is what the setting joint subtracts a constant with
ONE_SHOT_CREDITS = ("return", "guidance", "guidance:exact", "difference", "score")
CLOUD_CREDITS = ("return", "return:to_go", "guidance", "difference", "score")
REPLAYED = "baseline@difference:replay"  # the rival that needs no reference, as it is trained
CLOUD_MORE = ("gae:central", "gae:local", "normalised@gae:central", "guidance:exact", "guidance:multi_step", REPLAYED)

GAME = "load_balancing/uniform/sparse"
GAMES = (GAME, "load_balancing/least_committed:1/sparse", "load_balancing/least_committed:0.3/sparse")
DENSE_GAME = "load_balancing/uniform/dense"
DELAY_GAME = "load_balancing/uniform/sparse/delay"
TEAMS = ("linear_quadratic/toward:0", "linear_quadratic/toward:0.5", "linear_quadratic/toward:0.9")
CLOUD = "cloud/uniform/sparse"
CLOUDS = (CLOUD, "cloud/best_fit:1/sparse", "cloud/best_fit:0.3/sparse")
DENSE_CLOUD = "cloud/uniform/dense"
SHOCK = "cloud/uniform/sparse/common_shock"
SHOCK_BLIND = SHOCK + "/blind"  # the score sees no state, so an agent's score is its own
RECORDED = "cloud/uniform/sparse/recorded"
MLP = "cloud/mlp/sparse"
SHARED_GAME = "load_balancing/uniform/sparse/shared"
SHARED_CLOUD = "cloud/uniform/sparse/shared"
LOGNORMAL = "load_balancing/uniform/sparse/lognormal"
SENSITIVITY: dict[str, dict[str, Any]] = {
    "load 0.5": {"load": 0.5},
    "load 0.9": {"load": 0.9},
    "horizon 100": {"horizon": 100},
    "candidates 4": {"n_candidates": 4},
    "candidates 16": {"n_candidates": 16},
}
REFERENCES = ("shuffled", "noise:1", "biased:0.5", "biased_uniform:0.3", "rounded")
SENSITIVE = tuple(f"{CLOUD}/{name}" for name in SENSITIVITY)  # at full scale
FAULTY = tuple(f"{GAME}/{name}" for name in REFERENCES)
ALL = {"n_candidates": "all"}
N = Mapping[int, int]  # N -> fleets


def noise_design(scale: str, parts: Collection[str] | None = None) -> list[Row]:
    """Rows of a scale, those of some keys (`parts`) or all. Rows on recorded traces are there only with the traces."""
    check_choice("scale", scale, SCALES)
    rows = [*_games(scale), *_teams(scale), *_clouds(scale)]
    return [row for row in rows if parts is None or row.key in parts]


def noise_row(
    key: str,
    n_values: N,
    rollouts: int = 0,
    pick_freeze: int = 0,
    options: Mapping[str, Any] | None = None,
    policy: str = "",
    minimum_n: int = 8,
    credits: tuple[str, ...] = ONE_SHOT_CREDITS,
    pick_freeze_largest: int | None = None,
) -> Row:
    """Fleets of one system x policy x graph x sharing, which the key names: SYSTEM/POLICY[/GRAPH[/...[/shared]]].

    policy: given where its name is another than that of the key; rollouts 0 = closed form only; pick_freeze: pairs of
    roll-outs per frozen set, at the largest N, where the cross-agent share is judged, pick_freeze_largest; minimum_n:
    smaller N are drawn, not fitted (2 K). Closed forms decide wherever they exist (`exact`); the instrument's own
    numbers stand beside them.
    """
    system, named, *rest = key.split("/")
    sharing = "shared" if "shared" in rest else "independent"
    asked = {
        "system": system, "options": dict(options or {}), "policy": policy or named, "sharing": sharing,
        "rollouts": rollouts, "credits": list(credits), "exact": system != "cloud" and sharing == "independent",
        "pick_freeze": pick_freeze,
    }  # fmt: skip
    largest = {} if pick_freeze_largest is None else {max(n_values): {"pick_freeze": pick_freeze_largest}}
    graph = "dense" if "dense" in rest else "sparse"
    return Row(FAMILY, key, n_values, asked, largest, notes={"graph": graph, "minimum_n": minimum_n})


def _grid(n_values: Iterable[int], fleets: int) -> dict[int, int]:
    return dict.fromkeys(n_values, fleets)


def _games(scale: str) -> list[Row]:
    drawn = _grid((5, 50, 200), 4)
    smaller = _grid((8, 16, 64, 256), 20)
    grid: N = {
        "smoke": drawn | _grid((1024, 2048, 4096, 8192), 8),
        "standard": drawn | smaller | _grid((1024, 1500, 2048, 4096), 60),
        "full": drawn | smaller | _grid((1024, 1500, 10_000, 20_000, 40_000, 100_000), 60),
    }[scale]
    beside = {n: min(fleets, 20) for n, fleets in grid.items()} if scale == "standard" else grid
    dense = _grid((16, 32, 64, 128), 8) if scale == "smoke" else _grid((32, 64, 128, 256), 20)
    # the instrument beside the closed forms, and shared parameters, which have none
    measured, rollouts = _measured(scale, {"full": (8, 32, 128, 512, 2048)})
    shared = {
        "smoke": _grid((16, 32, 64, 128), 4),
        "standard": _grid((32, 64, 128, 256), 20),
        "full": _grid((32, 64, 128, 256, 512, 1024), 20),
    }[scale]
    rows = [
        noise_row(GAME, grid),
        *(noise_row(key, grid, policy="heuristic:" + key.split("/")[1]) for key in GAMES[1:]),
        noise_row(DENSE_GAME, dense, options=ALL, minimum_n=16),
        noise_row(DELAY_GAME, beside, options={"cost": "delay"}),
        noise_row(GAME + "/measured", measured, rollouts, pick_freeze=64),
        noise_row(SHARED_GAME, shared, rollouts),
    ]
    if scale == "smoke":
        return rows
    few = dict(list(beside.items())[-4:])
    small = _grid((1024, 2048, 4096, 8192), 20)
    faulty = [noise_row(key, small, options={"reference": name}) for key, name in zip(FAULTY, REFERENCES)]
    return [*rows, noise_row(LOGNORMAL, few, options={"job_law": "lognormal"}), *faulty]


def _measured(scale: str, n_values: Mapping[str, tuple[int, ...]]) -> tuple[N, int]:
    """Fleets and roll-outs of a row that is measured beside its closed form."""
    standard = (8, 32, 128, 512)
    sizes: dict[str, tuple[int, ...]] = {"smoke": (8, 32), "standard": standard, "full": standard, **n_values}
    fleets, rollouts = {"smoke": (2, 256), "standard": (8, 1024), "full": (20, 1024)}[scale]
    return _grid(sizes[scale], fleets), rollouts


def _teams(scale: str) -> list[Row]:
    grid = {
        "smoke": {5: 2} | _grid((32, 64, 128, 256), 12),
        "standard": {5: 8, 16: 20} | _grid((128, 256, 512, 1024), 60),
        # `parts` nears its bound late: its exponent is still 0.17 over 512 ... 4096
        "full": {5: 8, 16: 20} | _grid((512, 4096), 20) | _grid((8192, 16_384, 32_768, 65_536), 40),
    }[scale]
    options = {"alignment": 0.5, "reference_bias": 0.3}
    rows = [noise_row(key, grid, options=options) for key in TEAMS]
    return [*rows, noise_row(f"{TEAMS[1]}/measured", *_measured(scale, {}), 64, options)]


def _clouds(scale: str) -> list[Row]:
    horizon, rollouts = {"smoke": (10, 64), "standard": (12, 64), "full": (25, 64)}[scale]
    drawn = _grid((2, 5, 10), 4)
    grid = {
        "smoke": _grid((2, 16, 24), 6),
        "standard": drawn | _grid((16, 32, 64, 128), 24),
        "full": drawn | _grid((32, 64), 8) | _grid((150, 300, 600, 1500), 12),
    }[scale]
    dense = {
        "smoke": _grid((4, 16), 6),
        "standard": _grid((16, 32, 64, 128), 28),
        "full": _grid((32, 64, 128, 256), 28),
    }[scale]
    pairs = {"smoke": (24, 24), "standard": (2, 12), "full": (2, 12)}[scale]
    base: dict[str, Any] = {"horizon": horizon}
    short: dict[str, Any] = {"horizon": 10 if scale == "full" else 5}  # for the costliest rows
    common: dict[str, Any] = {
        "rollouts": rollouts, "pick_freeze": pairs[0], "pick_freeze_largest": pairs[1], "minimum_n": 16,
        "credits": CLOUD_CREDITS, "policy": "linear", "options": base,
    }  # fmt: skip
    # the rows of C1.1: with 12 fleets, and N up to 1500, an exponent is known to +- 0.18 only
    many = grid | _grid((150, 300, 600, 1500), 40) if scale == "full" else grid
    closer = common | {"options": short | ALL}
    fewer = min(4, pairs[1]) if scale == "standard" else pairs[1]  # pairs where all meet: half of the time went there
    more = tuple(name for name in CLOUD_MORE if name != REPLAYED or scale != "standard")  # it takes half of the time
    rows = [
        noise_row(CLOUD, many, **common | {"credits": (*CLOUD_CREDITS, *more)}),
        noise_row(DENSE_CLOUD, dense, **closer | {"pick_freeze_largest": fewer}),
    ]
    if scale == "smoke":
        return rows
    return [
        *rows,
        noise_row(CLOUDS[1], many, **common | {"policy": "linear@best_fit:1"}),
        noise_row(CLOUDS[2], grid, **common | {"policy": "linear@best_fit:0.3"}),
        *_other_clouds(scale, grid, short, common),
    ]


def _other_clouds(scale: str, grid: N, short: Mapping[str, Any], common: Mapping[str, Any]) -> list[Row]:
    """Exploratory rows: recorded input; at full scale bursts for all, shared parameters, networks, other loads and
    horizons too."""
    base = common["options"]
    few = _grid([n for n in grid if 10 * n >= max(grid)], 6)
    # one burst hits a whole roll-out: with few pairs the cross-agent part's exponent would be known to +- 0.6 only
    pairs = 12 if scale == "full" else 24
    shock = {**common, "pick_freeze": pairs, "pick_freeze_largest": pairs, "options": base | {"common_shock": True}}
    unshared = {**common, "pick_freeze": 0, "pick_freeze_largest": 0}  # no cross-agent share is judged there
    rows: list[Row] = []
    if scale == "full":
        varied = _grid((32, 64, 128, 256), 6)
        rows = [
            noise_row(SHOCK, few, **shock),
            noise_row(SHOCK_BLIND, few, **shock | {"policy": "uniform", "credits": ("return", "difference")}),
            noise_row(SHARED_CLOUD, few, **unshared),
            noise_row(MLP, _grid((16, 32, 64, 128), 4), **unshared | {"policy": "mlp", "options": short}),
            *(noise_row(key, varied, **unshared | {"options": base | changed})
              for key, changed in zip(SENSITIVE, SENSITIVITY.values())),
        ]  # fmt: skip
    if traces_folder() is not None:
        rows.append(noise_row(RECORDED, few, **{**common, "options": base | RECORDED_INPUT}))
    return rows
