"""Questions of C1: a statistic of one series, its exponent in N or its value at the largest N, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.noise.read import CellStats
from dgpg_verify.claims.question import Question, level_of, within_proof
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.claims.words import Sentences, number, options_in_words, sentence
from dgpg_verify.core import Evidence, Label, Verdict
from dgpg_verify.statistics import Relation, judge, judge_margins, judge_threshold
from dgpg_verify.statistics.verdict import MARGIN

Read = Callable[[Any], float]  # a number of one cell
Share = Callable[[Sequence[Any]], float | None]  # the return's share of the update, over the fleets at the largest N


def of_credit(name: str, credit: str) -> Read:
    """The quantity `name` of `CreditStats`, of one credit."""
    return lambda cell: float(getattr(cell[credit], name))


def read_noise(measured: Measured, keys: Iterable[str]) -> dict[str, Series[CellStats]]:
    """The named rows that were measured, read from the source that decides them."""
    return {key: read_moments(measured[key]) for key in keys if key in measured}


def read_moments(series: Series[Evidence], source: str = "") -> Series[CellStats]:
    """The moments of a row. source: "exact" or "measured"; the one that decides the row unless given."""
    options = series.row.options
    source = source or ("exact" if options["exact"] else "measured")
    return series.read(lambda item: CellStats.read(item, source, options["sharing"] == "shared"))


def noise_questions(
    keys: Iterable[str], ask: Callable[[Series[CellStats]], Iterable[Question]], measured: Measured
) -> list[Question]:
    """All that a claim asks of each of its rows."""
    return [question for series in read_noise(measured, keys).values() for question in ask(series)]


def exponent_question(
    series: Series[Any], name: str, of: Read, sentences: Sentences, *, expected: float = 0.0,
    relation: Relation = "big_o", primary: bool = False, proved: Label | None = None, bends: bool = False,
    note: str = "", **more: Any,
) -> Question:  # fmt: skip
    """The exponent of the statistic `name` in N against N^expected; more: of `_question`.

    proved: what a theorem says of the limit. A curve that bends is then decided as well, but never against it. bends:
    it is decided as well where the values are exact, whose slight bend no noise hides.
    """
    bound = bends or proved is not None
    fit = series.fit(of, level_of(primary))
    full = f"full range {fit.full.exponent:.2f}" if fit.full else ""
    line = f"a + b N: {fit.affine.a:.3g} + {fit.affine.b:.3g} N" if fit.affine else ""
    return _question(
        series,
        name,
        within_proof(judge(fit, expected, MARGIN, relation, bound), proved),
        sentences,
        relation=relation,
        expected=expected,
        primary=primary,
        margin=MARGIN,
        margins=judge_margins(fit, expected, relation, proved_bound=bound),
        notes=(full, line, note),
        n_values=fit.top_decade.n_values if fit.top_decade else series.n_values,
        **more,
    )


def threshold_question(
    series: Series[Any], name: str, of: Read, sentences: Sentences, support_at: float, refute_above: float,
    primary: bool, **more: Any,
) -> Question:  # fmt: skip
    """The mean over fleets at the largest N against two thresholds; more: of `_question`."""
    n = max(series.n_values)
    verdict = judge_threshold(series.at_largest(of, level_of(primary)), support_at, refute_above)
    verdict = replace(verdict, why=f"{verdict.why} at N = {n}")
    claimed: dict[str, Any] = {"relation": "at_most", "expected": support_at, "primary": primary, "n_values": (n,)}
    return _question(series, name, verdict, sentences, **claimed, **more)


def _question(
    series: Series[Any], name: str, verdict: Verdict, sentences: Sentences, *, suffix: str = "",
    share: Share | None = None, sparse: bool = False, **more: Any,
) -> Question:  # fmt: skip
    """A question on one row, its system in words.

    Parameters
    ----------
    suffix : makes the row's key unique.
    share : the return's share, for the sentence and the ledger.
    sparse : whether the claim assumes that each agent reaches few servers, so that a dense graph lies outside it.
    more : fields of `Question`; a control must be refuted.
    """
    row, part = series.row, share(series.largest) if share else None
    about: dict[str, Any] = {
        "statistic": name.replace("_", " "),
        "of": f" ({suffix})" if suffix else "",
        "suffix": suffix,
        "share": number(part, ".2g"),
        "setting": more.get("setting"),
        "where": f"{describe(row)}, policy {row.options['policy']}",
    }
    return Question(
        key="/".join(word for word in (series.key, name, suffix) if word),
        statistic=name,
        read=[series],
        verdict=verdict,
        sentence=sentence(sentences, verdict, ".2f", **about),
        system=describe(row),
        policy=row.options["policy"],
        sharing=row.options.get("sharing", "independent"),
        inside=not (sparse and row.notes["graph"] == "dense"),
        return_share=part,
        replicates=series.replicates,
        expected_label="refuted" if more.get("kind") == "control" else None,
        **more,
    )


def describe(row: Row) -> str:
    """System, graph and options in words; what the row itself says of them, where it does."""
    if "where" in row.notes:
        return str(row.notes["where"])
    shown = {name: value for name, value in row.options["options"].items() if name != "n_candidates"}
    about = [f"{row.notes['graph']} graph", *options_in_words(shown)]
    return f"{row.options['system']} ({', '.join(about)})"
