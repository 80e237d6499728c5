"""Questions of C4: from the runs of a method at one N, a verdict and the sentence that holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dgpg_verify.claims.question import EXPLORATORY_LEVEL, Question
from dgpg_verify.claims.series import Series
from dgpg_verify.claims.training.read import CHOSEN, Runs, Trained
from dgpg_verify.claims.words import is_unknown, number, with_interval
from dgpg_verify.core import Evidence, Verdict
from dgpg_verify.statistics import Relation

FEWEST_FOR_CONTROL = 6  # seeds: with fewer no share of failing seeds is decided at 95 %
UNMEASURED = "The {statistic} is not measurable ({why}): {where}."


def ask(
    key: str,
    statistic: str,
    runs: Sequence[Trained],
    rule: Callable[[float], Verdict],
    sentences: Mapping[str, str],
    expected: float | None,
    relation: Relation,
    *,
    read: Sequence[Trained] = (),
    words: Mapping[str, str] | None = None,
    tuning: str = "",
    note: str = "",
    **more: Any,
) -> Question:
    """A question on training runs.

    Parameters
    ----------
    runs : what it is about; the first names it.
    rule : level -> verdict; a primary row is refuted only if it is so at the level of all primary rows too.
    sentences : label -> nearest true sentence, filled with {estimate} (or {value}, {low}, {high}), {n}, {where} and
        `words`.
    read : all the runs that it needs, where that is more than `runs`.
    tuning : at which settings, where that is not the relative scale of J and G.
    """
    first, needed = runs[0], read or runs
    about = {"statistic": statistic.replace("_", " "), "where": where(first), "n": first.n} | dict(words or {})
    return Question(
        key=key,
        statistic=statistic,
        read=_cells_of(needed),
        verdict=rule(EXPLORATORY_LEVEL),
        sentence=lambda verdict: _sentence(sentences, verdict, about),
        relation=relation,
        expected=expected,
        system=f"cloud ({_options(first)})",
        policy=first.label,
        sharing=first.sharing,
        setting=tuning or first.setting or "",
        strictly=rule,
        notes=(note,),
        replicates=min(len(one.runs) for one in needed),
        **more,
    )


def _sentence(sentences: Mapping[str, str], verdict: Verdict, about: Mapping[str, Any]) -> str:
    estimate = verdict.estimate
    template = UNMEASURED if is_unknown(estimate) else sentences[verdict.label]
    numbers = {name: number(getattr(estimate, name)) for name in ("value", "low", "high")}
    return template.format(**numbers, estimate=with_interval(estimate), why=verdict.why, **about)


def _cells_of(runs: Sequence[Trained]) -> list[Series[Evidence]]:
    """The series behind some runs, each once: runs cut short or chosen share theirs."""
    return list({(one.series.key, one.n): one.series for one in runs}.values())


def controls_in(trained: Runs) -> dict[str, Trained]:
    """Runs whose answer is known, by row; none where too few seeds could give any answer."""
    controls = {key: one for (key, _), one in trained.items() if one.part == "control"}
    return {key: one for key, one in controls.items() if len(one.runs) >= FEWEST_FOR_CONTROL}


def where(one: Trained) -> str:
    """Method, N and system in words."""
    options = "".join(f", {name.replace('_', ' ')} {value}" for name, value in sorted(one.options.items()))
    sharing = "at its own settings" if one.sharing == CHOSEN else f"{one.sharing} parameters"
    return f"{one.label}, N = {one.n}{options}, {sharing}"


def _options(one: Trained) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in sorted(one.options.items()))
