"""A3: each action touches O(1) of the state, and few others touch the same part."""

from __future__ import annotations

from typing import Any

from dgpg_verify.claims.assumptions.measure import ONE_TOTAL, measure_locality
from dgpg_verify.claims.claim import Claim
from dgpg_verify.claims.design import Row
from dgpg_verify.claims.noise.questions import exponent_question
from dgpg_verify.claims.question import Question
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.core import Evidence

QUANTITIES = {
    "largest_influence": "the largest |z_i|",
    "coordinates": "the number of coordinates z_i touches",
    "reach": "the largest number of agents that can touch a coordinate",
    "overlap": "sum over others of E <z_i, z_j>^2",
    "others_variance": "the variance of the others' load where z_i acts",
}
CONTROLLED = ("reach", "overlap", "others_variance")  # what one total that every agent touches must fail
DOMAINS: dict[str, tuple[str, dict[str, Any]]] = {  # graph in words and options
    "road_network": ("a town that grows", {}),
    "power_dispatch": ("one balance", {}),
    "power_dispatch/normalised": ("one balance over the demand", {"normalised": True}),
    "power_dispatch/lines": ("lines of a plane network", {"lines": True, "gamma": 2.0}),
    "rate_control": ("3 of N links each", {}),
    "rate_control/bottleneck": ("one link for all", {"topology": "bottleneck"}),
}
SENTENCES = {
    "supported": "{suffix} stays bounded (exponent {value} [{low}, {high}]): {where}.",
    "refuted": "{suffix} {growth}: {where}.",
    "inconclusive": "{suffix} {growth}, which does not decide: {where}.",
}
PRIMARY = (("load_balancing", "overlap"), ("cloud", "overlap"))


def design(scale: str) -> list[Row]:
    """Games, sparse, dense and with one shared total; the other domains; teams; the cloud."""
    many, few, wired = {"smoke": (4, 2, 2), "standard": (20, 30, 12), "full": (40, 40, 40)}[scale]
    games = dict.fromkeys((32, 64, 128, 256) if scale == "smoke" else (256, 512, 1024, 2048), many)
    clouds = dict.fromkeys((16, 32, 64, 128) if scale == "smoke" else (32, 64, 128, 256), few)
    game = "load_balancing"
    return [
        _row(game, game, "uniform", games),
        _row(f"{game}/dense", game, "uniform", clouds, {"n_candidates": "all"}, graph="dense"),
        _row(f"{game}/{ONE_TOTAL}", game, "uniform", games),
        *(
            _row(
                key,
                key.partition("/")[0],
                "uniform",
                dict.fromkeys(clouds, wired) if "lines" in options else games,  # whose reference takes longest
                options,
                graph,
                where=f"{key.partition('/')[0]}, {graph}",
            )
            for key, (graph, options) in DOMAINS.items()
        ),
        _row("linear_quadratic", "linear_quadratic", "toward:0", games),
        _row("cloud", "cloud", "linear", clouds, {"horizon": 25}, minimum_n=16),
    ]


def _row(
    key: str, system: str, policy: str, n_values: dict[int, int], options: dict[str, Any] | None = None,
    graph: str = "sparse", minimum_n: int = 8, **notes: str,
) -> Row:  # fmt: skip
    asked = {"system": system, "options": options or {}, "policy": policy}
    return Row("A3", key, n_values, asked, stream=f"A3/{key}", notes={"graph": graph, "minimum_n": minimum_n, **notes})


def questions(measured: Measured) -> list[Question]:
    """Exponents of five measures of locality; one shared total is the control."""
    return [
        _question(series, quantity)
        for key, series in measured.items()
        for quantity in (CONTROLLED if key.endswith(ONE_TOTAL) else QUANTITIES)
    ]


def _question(series: Series[Evidence], quantity: str) -> Question:
    control = series.key.endswith(ONE_TOTAL)
    return exponent_question(
        series,
        quantity,
        lambda item: float(item.values[quantity]),
        SENTENCES,
        suffix=QUANTITIES[quantity],
        primary=(series.key, quantity) in PRIMARY,
        bends=series.key in DOMAINS,  # exact values
        kind="control" if control else "audit",
        note="control: one total that every agent touches must be caught" if control else "",
    )


def tables(measured: Measured) -> dict[str, list[dict[str, Any]]]:
    records = [
        {"audit": "A3", "quantity": words, "system": series.key, "graph": series.row.notes["graph"],
         "n": item.cell.n, "fleet": item.cell.replicate, "value": float(item.values[quantity])}
        for series in measured.values()
        for item in series.evidence
        for quantity, words in QUANTITIES.items()
    ]  # fmt: skip
    return {"assumptions": records}


CLAIM = Claim(
    id="A3",
    title="Local influence",
    source="assumption of the variance theorem",
    statement="Influence is local: z_i is bounded, touches O(1) coordinates, and what others add there is O(1).",
    family="assumptions",
    design=design,
    measure=measure_locality,
    questions=questions,
    tables=tables,
    decided_at={f"A3/cloud/overlap/{QUANTITIES['overlap']}": "full"},
)
