"""Questions of C1: a statistic of one series, its exponent in N or its value at the largest N, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dgpg_verify.claims.design import Row
from dgpg_verify.claims.noise.read import CellStats
from dgpg_verify.claims.question import Kind, Question, level_of
from dgpg_verify.claims.series import Measured, Series
from dgpg_verify.claims.words import NOT_MEASURABLE, is_unknown, number
from dgpg_verify.core import Evidence, Verdict
from dgpg_verify.statistics import Relation, judge, judge_margins, judge_threshold

MARGIN = 0.15
Sentences = Mapping[str, str]  # label -> nearest true sentence with {exponent}, {low}, {high}, {where}, {share} ...
Share = Callable[[Sequence[Any]], float | None]  # the return's share of the update, over the fleets at the largest N


@dataclass(frozen=True)
class Statistic:
    """A number read from every cell of a series, what is claimed of it, and the words around it.

    Parameters
    ----------
    suffix : makes the row's key unique.
    expected, relation : the claimed exponent in N; see `statistics.allowed_set`.
    kind : a control must be refuted.
    reading : see `Question`.
    sparse : whether the claim assumes that each agent reaches few servers, so that a dense graph lies outside it.
    """

    name: str
    of: Callable[[Any], float]
    sentences: Sentences
    suffix: str = ""
    setting: str = "sum"
    primary: bool = False
    expected: float = 0.0
    relation: Relation = "big_o"
    proved_bound: bool = False
    share: Share | None = None
    kind: Kind = "claim"
    note: str = ""
    reading: str = ""
    sparse: bool = False


def of_credit(name: str, credit: str, sentences: Sentences, **more: Any) -> Statistic:
    """The quantity `name` of `CreditStats`, of one credit."""
    return Statistic(name, lambda cell: float(getattr(cell[credit], name)), sentences, **more)


def read_noise(measured: Measured, keys: Iterable[str]) -> dict[str, Series[CellStats]]:
    """The named rows that were measured, read from the source that decides them."""
    return {key: read_moments(measured[key]) for key in keys if key in measured}


def read_moments(series: Series[Evidence], source: str = "") -> Series[CellStats]:
    """The moments of a row. source: "exact" or "measured"; the one that decides the row unless given."""
    options = series.row.options
    source = source or ("exact" if options["exact"] else "measured")
    return series.read(lambda item: CellStats.read(item, source, options["sharing"] == "shared"))


def noise_questions(
    keys: Iterable[str], statistics: Callable[[str, Series[CellStats]], Iterable[Statistic]], measured: Measured
) -> list[Question]:
    """The exponents of all statistics that a claim asks of each of its rows."""
    rows = read_noise(measured, keys).items()
    return [exponent_question(series, statistic) for key, series in rows for statistic in statistics(key, series)]


def exponent_question(series: Series[Any], statistic: Statistic) -> Question:
    """The exponent of the statistic in N against N^expected."""
    expected, relation, proved = statistic.expected, statistic.relation, statistic.proved_bound
    fit = series.fit(statistic.of, level_of(statistic.primary))
    full = f"full range {fit.full.exponent:.2f}" if fit.full else ""
    line = f"a + b N: {fit.affine.a:.3g} + {fit.affine.b:.3g} N" if fit.affine else ""
    return replace(
        _question(series, statistic, judge(fit, expected, MARGIN, relation, proved)),
        margin=MARGIN,
        margins=judge_margins(fit, expected, relation, proved_bound=proved),
        notes=(full, line, statistic.note),
        n_values=fit.top_decade.n_values if fit.top_decade else series.n_values,
    )


def threshold_question(series: Series[Any], statistic: Statistic, support_at: float, refute_above: float) -> Question:
    """The mean over fleets at the largest N against two thresholds."""
    estimate = series.at_largest(statistic.of, level_of(statistic.primary))
    n, verdict = max(series.n_values), judge_threshold(estimate, support_at, refute_above)
    verdict = replace(verdict, why=f"{verdict.why} at N = {n}")
    return replace(_question(series, statistic, verdict), relation="at_most", expected=support_at, n_values=(n,))


def _question(series: Series[Any], statistic: Statistic, verdict: Verdict) -> Question:
    row = series.row
    share = statistic.share(series.largest) if statistic.share else None
    return Question(
        key="/".join(part for part in (series.key, statistic.name, statistic.suffix) if part),
        statistic=statistic.name,
        read=[series],
        verdict=verdict,
        sentence=_sentence(row, statistic, verdict, share),
        relation=statistic.relation,
        expected=statistic.expected,
        system=describe(row),
        policy=row.options["policy"],
        sharing=row.options.get("sharing", "independent"),
        setting=statistic.setting,
        primary=statistic.primary,
        reading=statistic.reading,
        inside=not (statistic.sparse and row.notes["graph"] == "dense"),
        notes=(statistic.note,),
        return_share=share,
        replicates=series.replicates,
        kind=statistic.kind,
        expected_label="refuted" if statistic.kind == "control" else None,
    )


def _sentence(row: Row, statistic: Statistic, verdict: Verdict, share: float | None) -> str:
    words = statistic.name.replace("_", " ")
    estimate, where = verdict.estimate, f"{describe(row)}, policy {row.options['policy']}"
    if is_unknown(estimate):
        what = f"The {words}{f' ({statistic.suffix})' if statistic.suffix else ''}"
        return f"{what} is {NOT_MEASURABLE} ({verdict.why}): {where}."
    return statistic.sentences[verdict.label].format(
        exponent=number(estimate.value, ".2f"),
        low=number(estimate.low, ".2f"),
        high=number(estimate.high, ".2f"),
        where=where,
        share=number(share, ".2f"),
        statistic=words,
        setting=statistic.setting,
        suffix=statistic.suffix,
    )


def describe(row: Row) -> str:
    """System, graph and options in words."""
    shown = {name: value for name, value in row.options["options"].items() if name != "n_candidates"}
    options = "".join(f", {name.replace('_', ' ')} {value}" for name, value in sorted(shown.items()))
    return f"{row.options['system']} ({row.notes['graph']} graph{options})"
