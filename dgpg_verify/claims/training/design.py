"""What is trained at each scale, fixed before any of it is judged, and which rows are primary.

`smoke` proves that everything runs; `standard` decides what six seeds and N <= 20 can decide; `full` goes to the
paper's N = 1500 with its horizon of 100 steps, over several sittings.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from dgpg_verify.claims.design import SCALES, Row
from dgpg_verify.claims.subjects import RECORDED_INPUT, traces_folder
from dgpg_verify.claims.training.sizes import CLAIMED, CLOSELY, CLOSELY_LONG, LONG_RUN, SIZES, Sizes, fewer_seeds
from dgpg_verify.claims.training.tried import PRACTICE, long_points, point_name, search_points
from dgpg_verify.core import check_choice

ALPHAS = ("0.2", "0.4", "0.6", "0.8")  # of claim C4.4
# DG-PG by reading of the mixture, with its settings. The mixture is normalised over the batch, as every method's
# advantage is, but for `mixed/raw`, which is the formula taken literally. `mean` scales both parts alike, which
# normalised advantages undo.
MIXTURES: Mapping[str, Mapping[str, Any]] = {
    "sum": {"setting": "sum"},
    "mixed": {"setting": "mixed"},
    "parts": {"setting": "parts"},
    "both": {"setting": "both"},
    "mixed/raw": {"setting": "mixed", "advantage_norm": "none"},
}
MIXTURE_LABELS = {"mixed": "mixed and normalised", "mixed/raw": "mixed"}
DGPG = tuple(f"dgpg/{name}" for name in MIXTURES)
BASELINES = ("mappo", "ippo")
PATIENT = 400  # episodes of the baselines, shared parameters, 10 roll-outs an update
LONG = 120  # episodes of guidance alone, one roll-out an update
OTHERS = {"happo": "HAPPO", "difference": "difference reward, one step", "imitation": "imitation of Best-Fit",
          "residual": "residual on Best-Fit"}  # fmt: skip
REPLAYED = "difference_replay"
LONG_TUNED = ("dgpg/parts", "dgpg/both")  # of the search with as many episodes as the paper gives
TUNED = (*DGPG, "guidance_only", *BASELINES, *OTHERS, REPLAYED)
# the best variant declared: no return, without the chain rule's bias, and with the larger step of the search
EXACT, EXACT_STEP = "guidance_only/exact", 2e-3
RIVALS: Mapping[str, tuple[str, Mapping[str, Any]]] = {  # with as many episodes as DG-PG
    REPLAYED: ("difference reward, replayed", {"method": REPLAYED}),
    EXACT: ("guidance only, exact, step 2e-3", {"method": "guidance_only", "changes": {"guidance": "guidance:exact"},
                                                "settings": {"actor_lr": EXACT_STEP}}),
}  # fmt: skip
NO_LEARNING, AS_BEST_FIT = "control/no learning", "control/best fit"
STILL = 1e-12  # a step size that moves nothing
FORMS = ("exact", "multi_step", "demand")  # of the guidance
REFERENCES = ("biased:0.5", "lagged:10", "shuffled", "rounded", "noise:1", "speed_aware")


def training_design(scale: str, parts: Collection[str] | None = None) -> list[Row]:
    """Rows of a scale, of the named parts or all. Rows that replay recorded traces need the traces."""
    check_choice("scale", scale, SCALES)
    sizes = SIZES[scale]
    rows = [*_main(sizes), *_alphas(sizes), *_ablations(sizes), *_search(sizes), *_patient(sizes)]
    rows += [*_claimed(sizes), *_claimed_search(sizes), *_controls(sizes)]
    if traces_folder() is not None:
        rows += _recorded(sizes)
    return [row for row in rows if row.n_values and (parts is None or row.notes["part"] in parts)]


def _main(sizes: Sizes) -> list[Row]:
    """DG-PG in every setting, guidance alone beside it; the baselines at small N with more episodes; the others."""
    every = {**sizes.small, **sizes.grid}
    largest = dict.fromkeys(("mixed", "sum"), sizes.mixed_to)
    row, shared = partial(sizes.row, part="main"), dict[str, Any](sharing="shared")
    large = fewer_seeds(sizes.large)
    closely: dict[str, Any] = {"evaluate_every": CLOSELY} if sizes.closely else {}
    rows = [
        *(row(f"dgpg/{name}", f"DG-PG, {MIXTURE_LABELS.get(name, name)}", method="dgpg", settings=settings,
              n_values={n: seeds for n, seeds in (fewer_seeds(every) if name == "sum" else every).items()
                        if n <= largest.get(settings["setting"], n)},
              measured=sizes.measured, **closely)
          for name, settings in MIXTURES.items()),
        row("guidance_only", "guidance only", method="guidance_only",
            n_values={n: seeds for n, seeds in {**sizes.small, **large}.items() if n <= sizes.mixed_to}),
        row(EXACT, "guidance only, exact, step 2e-3", method="guidance_only", n_values=fewer_seeds(sizes.exact),
            changes={"guidance": "guidance:exact"}, settings={"actor_lr": EXACT_STEP}),
        row("mappo/large", "MAPPO", method="mappo", n_values=large),
        *(row(name, name.upper(), method=name, n_values=sizes.small, **sizes.longer()) for name in BASELINES),
        *(row(name, label, method=name, n_values=sizes.others) for name, label in OTHERS.items()),
        row(REPLAYED, "difference reward, replayed", method=REPLAYED, n_values={**sizes.others, **large}),
        *(row(f"{name}/shared", f"{name.upper()}, shared", method=name, n_values=sizes.shared, **shared,
              **sizes.longer()) for name in BASELINES),
        row("dgpg/sum/shared", "DG-PG, sum, shared", method="dgpg", n_values=sizes.shared, **shared),
    ]  # fmt: skip
    return [_with_candidates(row, sizes) for row in rows]


def _with_candidates(row: Row, sizes: Sizes) -> Row:
    """A row that was searched names its candidates, so that a judge knows when a search is whole."""
    if row.key not in TUNED or not sizes.searched:
        return row
    points = search_points(row.key)
    return _noted(row, candidates=[row.key, *(f"search/{row.key}/{point_name(point)}" for point in points)])


def _noted(row: Row, **notes: Any) -> Row:
    return replace(row, notes={**row.notes, **notes})


def _alphas(sizes: Sizes) -> list[Row]:
    """Constant alpha, in the settings that differ in kind."""
    return [
        sizes.row(f"dgpg/{setting}/alpha {alpha}", f"\u03b1 = {alpha}, {MIXTURE_LABELS.get(setting, setting)}",
                 "alpha", "dgpg", sizes.alphas, alpha=alpha, settings=MIXTURES[setting])
        for setting in sizes.alpha_settings
        for alpha in ALPHAS
    ]  # fmt: skip


def _ablations(sizes: Sizes) -> list[Row]:
    """One change at a time to DG-PG in `parts`. What the main rows hold already (no descent term = MAPPO with the same
    network, guidance only, the other settings) is read from there."""
    changes: dict[str, dict[str, Any]] = {
        **{f"{name} influence": {"changes": {"guidance": f"guidance:{name}"}} for name in FORMS},
        "demand influence, both": {"changes": {"guidance": "guidance:demand"}, "settings": MIXTURES["both"]},
        **{f"alpha {name}": {"alpha": name} for name in ("0.9->0", "n^-0.5", "adaptive")},
        "not normalised last": {"settings": {**MIXTURES["parts"], "advantage_norm": "none"}},
        "not normalised last, both": {"settings": {**MIXTURES["both"], "advantage_norm": "none"}},
        **{f"reference {name}": {"options": {"reference": name}} for name in REFERENCES},
    }
    usual: dict[str, Any] = {"settings": MIXTURES["parts"]}
    return [
        sizes.row(f"ablation/{name}", name.replace("alpha", "\u03b1"), "ablation", "dgpg", sizes.ablated,
                  **usual | change)
        for name, change in changes.items()
    ]  # fmt: skip


def _patient(sizes: Sizes) -> list[Row]:
    """What the baselines can do with 13 times the samples and 10 roll-outs an update: are they wrong, or only slow?
    And what guidance alone can do with four times the episodes: does it want updates, or is it biased?"""
    settings = {"rollouts": 10, "actor_lr": 2e-3, "critic_lr": 2e-3}
    forms: dict[str, dict[str, str]] = {"guidance_only": {}, EXACT: {"guidance": "guidance:exact"}}
    rows = [
        sizes.row(f"{key}/patient", f"guidance only{', exact' * bool(changes)}, step 2e-3, patient", "patient",
                 "guidance_only", sizes.long, changes=changes, settings={"actor_lr": EXACT_STEP}, episodes=LONG,
                 evaluate_every=2 * sizes.every)
        for key, changes in forms.items()
    ]  # fmt: skip
    rows += [
        sizes.row(f"{name}/patient", f"{name.upper()}, patient", "patient", name, sizes.patient, sharing="shared",
                 settings=settings, episodes=PATIENT, evaluate_every=PATIENT // 10)
        for name in BASELINES
    ]  # fmt: skip
    return rows


def _claimed(sizes: Sizes) -> list[Row]:
    """Baselines with the episodes that the paper gives them, in two readings of their settings, and DG-PG with the 2.5
    times fewer that this leaves for it. The first of a method names the candidates of its search."""
    episodes, given = LONG_RUN, dict[str, Any](part="claimed", n_values=sizes.claimed_beside)
    long, every = f"{episodes} episodes", CLOSELY_LONG if sizes.closely else 10
    rows = {
        f"dgpg/{name}": [
            sizes.row(f"dgpg/{name}/{long}", f"DG-PG, {MIXTURE_LABELS.get(name, name)}, {long}", method="dgpg",
                      episodes=episodes, evaluate_every=every, settings=settings, **given)
        ]
        for name, settings in MIXTURES.items() if name != "sum"
    }  # fmt: skip
    rows["rivals"] = [
        sizes.row(f"{name}/{long}", f"{label}, {long}", episodes=episodes, evaluate_every=10, **{**given, **asked})
        for name, (label, asked) in RIVALS.items()
    ]
    for name in (*BASELINES, "happo"):
        at = {"preset": sizes.claimed, "practitioner": sizes.practitioner} if name in BASELINES else {}
        rows[name] = [
            _noted(sizes.row(f"{name}/{reading}", f"{name.upper()}, {reading}", method=name, episodes=CLAIMED,
                             evaluate_every=CLAIMED // 20,
                             **given | {"n_values": at.get(reading, sizes.claimed_beside)} | settings), reading=reading)
            for reading, settings in _settings_of(name).items()
        ]  # fmt: skip
    for key in _budgets() if sizes.claimed_searched else ():
        points = [f"claimed/{key}/{point_name(point)}" for point in long_points(key)]
        rows[key][0] = _noted(rows[key][0], candidates=[*(row.key for row in rows[key]), *points])
    return [row for group in rows.values() for row in group]


def _budgets() -> dict[str, int]:
    """Episodes of every method that is searched at the paper's budget."""
    return dict.fromkeys((*BASELINES, "happo"), CLAIMED) | dict.fromkeys(LONG_TUNED, LONG_RUN)


def _claimed_search(sizes: Sizes) -> list[Row]:
    """What of the practitioner's settings matters with the episodes that the paper gives, for baselines and DG-PG."""
    return [
        _point(sizes, key, point, f"claimed/{key}", "claimed search", sizes.claimed_searched, episodes=episodes,
               evaluate_every=episodes // 20)
        for key, episodes in _budgets().items()
        for point in long_points(key)
    ]  # fmt: skip


def _settings_of(baseline: str) -> dict[str, dict[str, Any]]:
    """The readings of a baseline's settings. HAPPO's agents are updated one by one and share no parameters."""
    return {
        "preset": {},
        "practitioner": {"settings": PRACTICE, "sharing": "independent" if baseline == "happo" else "shared"},
    }


def _controls(sizes: Sizes) -> list[Row]:
    """Runs whose answers are known: a network that never moves, and Best-Fit itself from start to end."""
    best_fit = {"actor_lr": STILL, "gain": 0.0, "temperature": 0.01}
    return [
        sizes.row(NO_LEARNING, "no learning", "control", "dgpg", sizes.known, settings={"actor_lr": STILL}),
        sizes.row(AS_BEST_FIT, "Best-Fit itself", "control", "residual", sizes.known, settings=best_fit),
    ]


def _search(sizes: Sizes) -> list[Row]:
    """Every method at every candidate setting, on the same seeds as its default."""
    return [
        _point(sizes, key, point, f"search/{key}", "tuned", sizes.searched)
        for key in TUNED
        for point in search_points(key)
    ]


def _point(
    sizes: Sizes, key: str, point: Mapping[str, Any], name: str, part: str, n_values: Mapping[int, int], **more: Any
) -> Row:
    """A method at one candidate setting."""
    method, _, mixture = key.partition("/")
    changed = {name: value for name, value in point.items() if name != "sharing"}
    return sizes.row(f"{name}/{point_name(point)}", point_name(point), part, method, n_values,
                     settings={**MIXTURES.get(mixture, {}), **changed},
                     sharing=str(point.get("sharing", "independent")), **more)  # fmt: skip


def _recorded(sizes: Sizes) -> list[Row]:
    """Recorded nodes and arrivals in place of the catalogue and the bimodal law."""
    rows: dict[str, tuple[str, dict[str, str]]] = {
        "dgpg/parts": ("DG-PG, parts", {"setting": "parts"}),
        "dgpg/sum": ("DG-PG, sum", {}),
        "guidance_only": ("guidance only", {}),
        "mappo": ("MAPPO", {}),
    }
    return [
        sizes.row(
            f"recorded/{key}", label, "real", key.partition("/")[0], sizes.real, RECORDED_INPUT, settings=settings
        )
        for key, (label, settings) in rows.items()
    ]
