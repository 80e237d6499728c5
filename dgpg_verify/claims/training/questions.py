"""Questions of C4: from the runs of a method at one N, a verdict and the sentence that holds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dgpg_verify.claims.claim import Claim, claims_of
from dgpg_verify.claims.question import EXPLORATORY_LEVEL, Question, as_control
from dgpg_verify.claims.series import Series
from dgpg_verify.claims.training.design import training_design
from dgpg_verify.claims.training.measure import measure_training, training_cost
from dgpg_verify.claims.training.read import CHOSEN, Runs, Trained, read_training
from dgpg_verify.claims.training.tables import training_tables
from dgpg_verify.claims.words import Sentences, options_in_words, sentence
from dgpg_verify.core import Evidence, Label, Verdict
from dgpg_verify.statistics import Relation, judge_settling

ASSUMED = {"percentile": "times are log-normal and all settle", "mean": "all settle"}  # by few seeds, to support
FEWEST_FOR_CONTROL = 6  # seeds: with fewer no share of failing seeds is supported at 95 %


_claim = claims_of(
    "training", training_design, measure=measure_training, tables=training_tables, cost=training_cost, decided_at="full"
)


def training_claim(parts: Collection[str], questions: Callable[[Runs], list[Question]], **about: Any) -> Claim:
    """A claim judged from the training runs of some parts of the design. about: id, title, source, statement."""
    return _claim(parts, lambda measured: questions(read_training(measured)), **about)


@dataclass(frozen=True)
class TrainingQuestion:
    """What a kind of question says of training runs; see `Question`.

    sentences: label -> nearest true sentence, filled with {estimate} (or {value}, {low}, {high}), {n}, {where} and the
    words of the question.
    """

    statistic: str
    relation: Relation
    expected: float
    sentences: Sentences
    margin: float | None = None
    composite: bool = False

    def of(
        self,
        key: str,
        runs: Sequence[Trained],
        rule: Callable[[float], Verdict],
        *,
        read: Sequence[Trained] = (),
        words: Mapping[str, str] | None = None,
        tuning: str = "",
        note: str = "",
        primary: bool = False,
    ) -> Question:
        """The question put to some runs.

        Parameters
        ----------
        runs : what it is about; the first names it.
        rule : level -> verdict; a primary row is refuted only if it is so at the level of all primary rows too.
        read : all the runs that it needs, where that is more than `runs`.
        tuning : at which settings, where that is not the relative scale of J and G.
        """
        first, needed = runs[0], read or runs
        about: dict[str, Any] = {"statistic": self.statistic.replace("_", " "), "where": where(first), "n": first.n}
        return Question(
            key=key,
            statistic=self.statistic,
            read=_cells_of(needed),
            verdict=rule(EXPLORATORY_LEVEL),
            sentence=lambda verdict: sentence(self.sentences, verdict, **about | dict(words or {})),
            relation=self.relation,
            expected=self.expected,
            margin=self.margin,
            system=f"cloud ({', '.join(options_in_words(first.asked['options']))})",
            policy=first.label,
            sharing=first.sharing,
            setting=tuning or first.setting or "",
            reading="" if tuning == "tuned" else first.reading,
            primary=primary,
            strictly=rule,
            notes=(note,),
            replicates=min(len(group.runs) for group in needed),
            composite=self.composite,
        )


def settles(key: str, trained: Trained, statistic: str, within: float, sentences: Sentences, primary: bool) -> Question:
    """Whether the runs stay at their level from `within` episodes on; those that never do count as such."""
    runs = trained.convergences
    asked = TrainingQuestion(f"episodes to settle, {statistic}", "at_most", within, sentences)
    rule = partial(judge_settling, runs, statistic, within, law="lognormal")
    settled = f"{sum(run.settled_at is not None for run in runs)} of {len(runs)}"
    words = {"over_seeds": statistic, "settled": settled, "assumed": ASSUMED[statistic]}
    return asked.of(key, [trained], rule, words=words, primary=primary)


def leads_long(trained: Trained) -> bool:
    """DG-PG in runs as long as the paper's, with seeds enough to be supported as well as refuted."""
    return trained.long and trained.asked["method"] == "dgpg" and len(trained.runs) >= FEWEST_FOR_CONTROL


def _cells_of(runs: Sequence[Trained]) -> list[Series[Evidence]]:
    """The series behind some runs, each once: runs cut short or chosen share theirs."""
    return list({(group.series.key, group.n): group.series for group in runs}.values())


def controls(trained: Runs, answers: Mapping[str, Label], ask: Callable[[Trained], Question]) -> list[Question]:
    """The question put to runs whose answer is known, row -> answer."""
    known = controls_in(trained)
    return [as_control(ask(known[row]), answer) for row, answer in answers.items() if row in known]


def controls_in(trained: Runs) -> dict[str, Trained]:
    """Runs whose answer is known, by row; none where too few seeds could give any answer."""
    known = {key: group for (key, _), group in trained.items() if group.part == "control"}
    return {key: group for key, group in known.items() if len(group.runs) >= FEWEST_FOR_CONTROL}


def where(trained: Trained) -> str:
    """Method, N and system in words."""
    sharing = "at its own settings of those tried" if trained.sharing == CHOSEN else f"{trained.sharing} parameters"
    return ", ".join([trained.label, f"N = {trained.n}", *options_in_words(trained.asked["options"]), sharing])
