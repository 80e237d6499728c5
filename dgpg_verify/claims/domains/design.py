"""What is measured of the other domains at each scale, fixed before any measurement."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from dgpg_verify.claims.design import SCALES, Row
from dgpg_verify.claims.subjects import LARGER_FILES, LARGER_NETWORK, RECORDED_NETWORK, network_folder
from dgpg_verify.core import check_choice


def weight(gamma: float) -> str:
    """The balance's in G, in words."""
    return f"weight N^-{gamma:g}" if gamma else "weight 1"


FAMILY = "domains"
TRAFFIC, POWER, RATES, STOCK = "road_network", "power_dispatch", "rate_control", "inventory"
GRID, NETWORK, BALANCED = f"{TRAFFIC}/grid", f"{TRAFFIC}/braess", f"{TRAFFIC}/braess/balanced"
GAMMAS = (0.0, 0.25, 0.5, 1.0, 2.0)
FLOOR_GAMMAS = (0.0, 0.25, 0.5, 0.75, 1.0)
BETWEEN, FAR = 0.75, 2.0  # asked after the others, at full scale: noise at the one, what is left at the other
WEIGHED = {gamma: f"{POWER}/gamma {gamma:g}" for gamma in (*GAMMAS, BETWEEN)}
NORMALISED = f"{POWER}/normalised"
ANY_OUTPUT = {gamma: f"{POWER}/any output/gamma {gamma:g}" for gamma in (0.0, 0.5)}  # Gaussian, in place of levels
LINES = f"{POWER}/lines"
FLOORS = {gamma: f"{POWER}/floor/gamma {gamma:g}" for gamma in (*FLOOR_GAMMAS, FAR)}
SPARSE, BOTTLENECK = f"{RATES}/sparse", f"{RATES}/bottleneck"
FAT_TREE, BACKBONE = f"{RATES}/fat tree", f"{RATES}/abilene"
SPARSE_BALANCED, BOTTLENECK_BALANCED = f"{SPARSE}/balanced", f"{BOTTLENECK}/balanced"
CLASSICS = ("pigou", "braess")
BY_REFERENCE = {(name, reference): f"{TRAFFIC}/{name}/{reference}"
                for name in CLASSICS for reference in ("user_equilibrium", "system_optimum")}  # fmt: skip
SEPARATE, WAREHOUSE = f"{STOCK}/separate", f"{STOCK}/warehouse"
LOADED = {load: f"{WAREHOUSE}/load {load:g}" for load in (0.5, 2.0)}  # asked afterwards, at full scale
TOWN, WHOLE = "a town that grows with its travellers", "Braess's network, N drivers of weight 1/N"
BALANCE, LEFT = "one balance of all generators", "what guidance leaves of the balance"
LOCAL, ONE_LINK = "3 of N links each", "one link for all"
OWN_MEAN = "balanced"
REST = "rest"  # where ascent without noise ends
SELFISH = "user equilibrium"
REST_TOWN, REST_NETWORK = f"{TRAFFIC}/{REST}/grid", f"{TRAFFIC}/{REST}/braess"
REST_TOWN_SELFISH, REST_NETWORK_SELFISH = f"{REST_TOWN}/{SELFISH}", f"{REST_NETWORK}/{SELFISH}"
REST_SPARSE, REST_BOTTLENECK = f"{RATES}/{REST}/sparse", f"{RATES}/{REST}/bottleneck"
REST_POWER = {gamma: f"{POWER}/{REST}/gamma {gamma:g}" for gamma in (0.0, 0.5, 1.0)}
RESTS: Mapping[str, tuple[str, dict[str, Any], str, str]] = {  # system, options; panel, what sets it apart there
    REST_TOWN: (TRAFFIC, {}, TOWN, "system optimum"),
    REST_TOWN_SELFISH: (TRAFFIC, {"reference": "user_equilibrium"}, TOWN, SELFISH),
    REST_NETWORK: (f"{TRAFFIC}:braess", {}, WHOLE, "system optimum"),
    REST_NETWORK_SELFISH: (f"{TRAFFIC}:braess", {"reference": "user_equilibrium"}, WHOLE, SELFISH),
    **{key: (POWER, {"gamma": gamma}, BALANCE, weight(gamma)) for gamma, key in REST_POWER.items()},
    REST_SPARSE: (RATES, {}, LOCAL, ""),
    REST_BOTTLENECK: (RATES, {"topology": "bottleneck"}, ONE_LINK, ""),
}  # fmt: skip
IN_USE = "networks in use"
NAMED = {"fat tree": "a fat tree that grows, six links each", "Abilene": "Abilene's backbone for all flows"}
IN_WORDS = {OWN_MEAN: "reference = mean state"}
ABOUT: Mapping[str, tuple[str, str]] = {  # what a row stands for: its panel in the figure, and what sets it apart there
    GRID: (TOWN, ""),
    NETWORK: (WHOLE, ""),
    BALANCED: (WHOLE, OWN_MEAN),
    **{key: (BALANCE, weight(gamma)) for gamma, key in WEIGHED.items()},
    NORMALISED: (BALANCE, "divided by the demand"),
    LINES: ("lines of a plane network", "balance of weight N^-2"),
    **{key: ("one balance, any output", weight(gamma)) for gamma, key in ANY_OUTPUT.items()},
    **{key: (LEFT, weight(gamma)) for gamma, key in FLOORS.items()},
    SEPARATE: ("retailers with suppliers of their own", ""),
    WAREHOUSE: ("one warehouse at its capacity", ""),
    **{key: (f"one warehouse asked for {load:g} times its capacity", "") for load, key in LOADED.items()},
    SPARSE: (LOCAL, ""),
    SPARSE_BALANCED: (LOCAL, OWN_MEAN),
    FAT_TREE: (IN_USE, "fat tree"),
    BACKBONE: (IN_USE, "Abilene"),
    BOTTLENECK: (ONE_LINK, ""),
    BOTTLENECK_BALANCED: (ONE_LINK, OWN_MEAN),
    **{key: (f"{name.capitalize()}'s network", f"reference {reference.replace('_', ' ')}")
       for (name, reference), key in BY_REFERENCE.items()},
}  # fmt: skip
DRIVERS = 240  # of equal weight: every division of them among the paths is compared
# N where agents meet few others, and where all meet on one thing, whose own part fades late; draws of each; roll-outs
SIZES: Mapping[str, tuple[tuple[int, ...], tuple[int, ...], int, int]] = {
    "smoke": ((16, 32, 64, 128), (64, 128, 256, 512), 4, 64),
    "standard": ((64, 128, 256, 512), (512, 1024, 2048, 4096), 12, 64),
    "full": ((256, 512, 1024, 2048), (1024, 2048, 4096, 8192), 30, 128),
}
# hosts of fat trees, all of which send
HOSTS = {"smoke": (16, 54, 128, 250), "standard": (54, 128, 250, 432), "full": (250, 432, 1024, 2000)}
# where every action touches all lines: N, draws
LINED: Mapping[str, tuple[tuple[int, ...], int]] = {
    "smoke": ((16, 32, 64, 128), 4),
    "standard": ((64, 128, 256, 512), 3),
    "full": ((64, 128, 256, 512), 30),
}
# Gaussian outputs: N, draws; the own part fades late, so that it is asked at full scale (and of small N for tests)
OUTPUTS: Mapping[str, tuple[tuple[int, ...], int]] = {
    "smoke": ((16, 32, 64, 128), 4),
    "full": ((512, 1024, 2048, 4096), 16),
}
ONE_SHOT = {TRAFFIC: "user_equilibrium", POWER: "merit_order", RATES: "proportional_fairness"}
RULES = {**ONE_SHOT, STOCK: "base_stock"}  # of the field: score 1
# Found by a search over six settings on two other draws of six retailers, one for all methods: docs/diary.md
STOCK_SETTINGS: Mapping[str, Any] = {"discount": 0.8, "actor_lr": 5e-3, "rollouts": 5}
STOCK_EPISODES, DEFAULTS = 200, "defaults"
METHODS = ("dgpg", "guidance_only", "difference", "mappo")
REPLAYED = "difference_replay"  # where what an action costs shows steps later
TRAINED: Mapping[str, tuple[dict[str, int], int, int]] = {  # agents by system, draws, episodes (0 = as usual there)
    "smoke": (dict.fromkeys(ONE_SHOT, 6), 2, 64),
    "standard": ({}, 0, 0),
    "full": ({TRAFFIC: 40, POWER: 30, RATES: 50}, 8, 0),
}
# A real network, at full scale where its files are at hand: platoons; draws, and those of what was predicted, which is
# asked at the level of primary rows; what its costs are compared with
REAL, PLATOONS, REAL_DRAWS, PREDICTED_DRAWS = f"{TRAFFIC}/sioux falls", 360, 5, 8
REAL_SELFISH = f"{REAL}/training/guidance_only/{SELFISH}"
REAL_WHOLE, SMALLER, WHOLE_DRAWS = f"{REAL}/whole", (360, 720, 1440, 2880), 8  # what ever smaller platoons leave
LARGER, LARGER_PLATOONS, LARGER_DRAWS = f"{TRAFFIC}/anaheim", 1400, 3  # another, with 416 nodes; draws for time
ENDS = ("system_optimum", "user_equilibrium")
STOCKS_TRAINED = {"smoke": (4, 2, 20), "standard": (0, 0, 0), "full": (20, 8, STOCK_EPISODES)}  # N, draws, episodes
SMALL_GAMES: Mapping[str, tuple[str, dict[str, Any]]] = {  # every joint action of four agents is played
    f"{TRAFFIC}/four": (TRAFFIC, {}),
    f"{TRAFFIC}/four/user equilibrium": (TRAFFIC, {"reference": "user_equilibrium"}),
    f"{POWER}/four": (POWER, {"n_levels": 3}),
    f"{POWER}/four/normalised": (POWER, {"n_levels": 3, "normalised": True}),
    f"{RATES}/four": (RATES, {}),
    f"{RATES}/four/bottleneck": (RATES, {"topology": "bottleneck"}),
}
FOUR = "four agents"
SMALL_COUNT = {"smoke": 20, "standard": 200, "full": 1000}
# over ten steps: N, draws, roll-outs, pairs of roll-outs for the share of others
STOCKS: Mapping[str, tuple[tuple[int, ...], int, int, int]] = {
    "smoke": ((8, 16, 32, 64), 3, 32, 8),
    "standard": ((16, 32, 64, 128), 10, 64, 8),
    "full": ((64, 128, 256, 512), 30, 64, 8),
}
STOCK_STEPS = 10
# N, all even; draws; roll-outs for the noise of return and difference reward. Decided at full scale, measured there
REST_SIZES: Mapping[str, tuple[tuple[int, ...], int, int]] = {
    "smoke": ((8, 16), 2, 64),
    "standard": ((), 0, 0),
    "full": ((32, 64, 128, 256), 16, 256),
}
FLOOR_GAMES = 16  # dispatches whose imbalance a cell averages: its square varies as much as its mean


def domain_design(scale: str, parts: Collection[str] | None = None) -> list[Row]:
    """Rows of a scale, those of some systems (`parts`) or all."""
    check_choice("scale", scale, SCALES)
    small, large, draws, rollouts = SIZES[scale]
    local, shared = dict.fromkeys(small, draws), dict.fromkeys(large, draws)
    braess = f"{TRAFFIC}:braess"
    rows = [
        _noise(GRID, local, TRAFFIC, rollouts),
        _noise(NETWORK, shared, braess, rollouts),
        _noise(BALANCED, shared, braess),
        *(_noise(key, shared, POWER, rollouts * (gamma == 0.0), gamma=gamma) for gamma, key in _asked(WEIGHED, scale)),
        _noise(NORMALISED, shared, POWER, normalised=True),
        *_any_output(scale),
        _noise(LINES, dict.fromkeys(*LINED[scale]), POWER, lines=True, gamma=2.0),
        _noise(SPARSE, local, RATES, rollouts),
        _noise(SPARSE_BALANCED, local, RATES),
        _noise(FAT_TREE, dict.fromkeys(HOSTS[scale], draws), RATES, rollouts, topology="fat_tree"),
        _noise(BACKBONE, shared, RATES, rollouts, topology="abilene"),
        _noise(BOTTLENECK, shared, RATES, rollouts, topology="bottleneck"),
        _noise(BOTTLENECK_BALANCED, shared, RATES, topology="bottleneck"),
        *(
            _row(key, local, "floor", POWER, {"gamma": gamma}, games=FLOOR_GAMES)
            for gamma, key in _asked(FLOORS, scale)
        ),
        *(
            _row(key, {DRIVERS: 1}, "lost", f"{TRAFFIC}:{name}", {"reference": reference})
            for (name, reference), key in BY_REFERENCE.items()
        ),
    ]
    rows += [
        _row(key, {4: 1}, "small", system, options, games=SMALL_COUNT[scale])
        for key, (system, options) in SMALL_GAMES.items()
    ]
    rows += [*_rests(scale), *_stocks(scale), *_trained(scale), *([*_real(), *_larger()] if scale == "full" else ())]
    return [row for row in rows if parts is None or row.key.split("/")[0] in parts]


def _any_output(scale: str) -> list[Row]:
    grid = dict.fromkeys(*OUTPUTS[scale]) if scale in OUTPUTS else {}
    rows = [
        _row(key, grid, "noise", f"{POWER}:continuous", {"gamma": gamma}, policy="toward:0")
        for gamma, key in ANY_OUTPUT.items()
    ]
    return [row for row in rows if row.n_values]


def _asked(rows: Mapping[float, str], scale: str) -> list[tuple[float, str]]:
    """gamma and row key; those that were asked later at full scale alone."""
    later = {WEIGHED[BETWEEN], FLOORS[FAR]}
    return [(gamma, key) for gamma, key in rows.items() if scale == "full" or key not in later]


def _rests(scale: str) -> list[Row]:
    n_values, draws, rollouts = REST_SIZES[scale]
    grid = dict.fromkeys(n_values, draws)
    rows = [_row(key, grid, REST, system, options, rollouts=rollouts) for key, (system, options, *_) in RESTS.items()]
    return [row for row in rows if row.n_values]


def _stocks(scale: str) -> list[Row]:
    n_values, draws, rollouts, pairs = STOCKS[scale]
    grid, more = dict.fromkeys(n_values, draws), {"rollouts": rollouts, "pick_freeze": pairs}
    ends = {n: draws for n in (n_values[0], n_values[-1]) if scale == "full"}
    rows = {SEPARATE: (grid, {}), WAREHOUSE: (grid, {"warehouse": 1.0})}
    rows |= {key: (ends, {"warehouse": load}) for load, key in LOADED.items() if ends}
    return [
        _row(key, sizes, "over_time", STOCK, {"horizon": STOCK_STEPS, **special}, **more)
        for key, (sizes, special) in rows.items()
    ]


def _trained(scale: str) -> list[Row]:
    """Every method on every domain of `RULES`, on the same draws."""
    agents, draws, episodes = TRAINED[scale]
    return [
        *(_training(system, n, draws, method, episodes) for system, n in agents.items() for method in METHODS),
        *_stocks_trained(scale),
    ]


def _real() -> list[Row]:
    """Every method on the real network, guided to its system optimum, and guidance alone to its user equilibrium; and
    how near to that whole platoons can come. None without its files."""
    if network_folder() is None:
        return []
    biased = {"reference": "user_equilibrium"}
    asked: list[tuple[str, str, dict[str, str]]] = [(f"{REAL}/training/{method}", method, {}) for method in METHODS]
    whole = {
        "part": "whole",
        "system": TRAFFIC,
        "options": {"network": RECORDED_NETWORK, **biased},
        "policy": "uniform",
    }
    rows = [
        Row(FAMILY, REAL_WHOLE, dict.fromkeys(SMALLER, WHOLE_DRAWS), whole, stream=f"{REAL}/training",
            notes={"group": "Sioux Falls", "series": "", "where": "Sioux Falls, reference user equilibrium"})
    ]  # fmt: skip
    rows += [
        _on_network(key, {PLATOONS: PREDICTED_DRAWS if options else REAL_DRAWS}, RECORDED_NETWORK, method,
                    f"Sioux Falls, N = {PLATOONS}" + ", reference user equilibrium" * bool(options), **options)
        for key, method, options in [*asked, (REAL_SELFISH, "guidance_only", biased)]
    ]  # fmt: skip
    return rows


def _larger() -> list[Row]:
    """Every method on a larger real network. None without its files."""
    if network_folder(LARGER_FILES) is None:
        return []
    where = f"Anaheim, N = {LARGER_PLATOONS}"
    return [
        _on_network(f"{LARGER}/training/{method}", {LARGER_PLATOONS: LARGER_DRAWS}, LARGER_NETWORK, method, where)
        for method in METHODS
    ]


def _on_network(key: str, n_values: Mapping[int, int], network: str, method: str, where: str, **options: Any) -> Row:
    """Training on a network that is read; methods and references meet the same draws."""
    asked = {"part": "training", "system": TRAFFIC, "options": {"network": network, **options}, "method": method,
             "episodes": 0, "ends": list(ENDS)}  # fmt: skip
    stream = f"{key.partition('/training')[0]}/training"
    return Row(FAMILY, key, n_values, asked, stream=stream, notes={"where": where})


def _stocks_trained(scale: str) -> list[Row]:
    """Training on inventory by every method at the setting that was found, and by DG-PG at the defaults, in as many
    episodes."""
    agents, draws, episodes = STOCKS_TRAINED[scale]
    methods = (*METHODS, REPLAYED)
    rows = [_training(STOCK, agents, draws, method, episodes, settings=STOCK_SETTINGS) for method in methods]
    rows.append(_training(STOCK, agents, draws, "dgpg", episodes, DEFAULTS, settings={}))
    return [row for row in rows if agents]


def _training(system: str, n: int, draws: int, method: str, episodes: int, name: str = "", **more: Any) -> Row:
    key = "/".join([system, "training", method, *([name] if name else [])])
    options = {"part": "training", "system": system, "options": {}, "method": method, "episodes": episodes, **more}
    where = ", ".join([system.replace("_", " "), f"N = {n}", *([name] if name else [])])
    return Row(FAMILY, key, {n: draws}, options, stream=f"{FAMILY}/{system}/training", notes={"where": where})


def _noise(key: str, n_values: Mapping[int, int], system: str, rollouts: int = 0, **options: Any) -> Row:
    """rollouts: for return and difference reward, beside the closed form of the guidance; 0 where they are those of
    another row, since they do not depend on the reference or on the weights of G."""
    more = {"rollouts": rollouts, "balanced": key.endswith("/balanced")}
    return _row(key, n_values, "noise", system, options, **more)


def _row(key: str, n_values: Mapping[int, int], part: str, system: str, options: Mapping[str, Any], **more: Any) -> Row:
    """One variant of a system. Variants of a system meet the same draws at equal (N, draw)."""
    asked = {"part": part, "system": system, "options": dict(options), "policy": "uniform"} | more
    panel, series = ABOUT.get(key) or RESTS.get(key, ())[2:] or (FOUR, key.partition("/four")[2].strip("/"))
    words = [panel, *([IN_WORDS.get(series, series)] if series else [])]
    notes = {"group": panel, "series": series, "where": NAMED.get(series, ", ".join(words))}
    return Row(FAMILY, key, n_values, asked, stream=f"{FAMILY}/{system}", notes=notes)
