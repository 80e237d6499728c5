"""Find, prove minimal and write the counterexamples in dgpg_verify/equilibria/data.

Usage: python scripts/find_counterexamples.py [--check] [FORM ...]

Each form of the claim is searched twice: by Hypothesis, and by enumerating its whole declared range in the declared
order up to the first violation. `--check` compares with the files that are there instead of writing. Takes minutes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from fractions import Fraction
from typing import Any

from dgpg_verify.equilibria.counterexamples.catalogue import FORMS, PROTECTED
from dgpg_verify.equilibria.counterexamples.certificate import Counterexample, verify
from dgpg_verify.equilibria.counterexamples.files import DATA, to_json
from dgpg_verify.equilibria.counterexamples.forms import Form, violation
from dgpg_verify.equilibria.counterexamples.search import first_counterexample, found_by_hypothesis, size_of
from dgpg_verify.equilibria.exact.alignment import softmax_alignment
from dgpg_verify.equilibria.exact.rational import fleet_game, table_game


def minimal_example(form: Form) -> Counterexample | int:
    """The smallest example of a form, or the number of fleets among which there is none."""
    found = first_counterexample(form)
    if found.fleet is None or found.violation is None:
        return found.examined
    game = fleet_game(found.fleet)
    first = found_by_hypothesis(form)
    example = Counterexample(
        form=form, fleet=found.fleet, n_agents=game.n_agents, n_actions=game.n_actions,
        reward=tuple(game.reward.values()), guidance=tuple(game.guidance.values()), point=found.violation.point,
        agent=found.violation.agent, action=found.violation.action, gain=Fraction(found.violation.gain),
        level=softmax_alignment(game).level if form.reading == "softmax" else None,
        examined=found.examined, first_total=None if first is None else size_of(first, form.reference),
    )  # fmt: skip
    if verify(example):
        raise SystemExit(f"{form.name}: {verify(example)}")
    return example


def table_example() -> Counterexample:
    """One agent with three actions, J = (1, 9/10, -5), -G = (9/10, 1, -5), alpha = 9/10: T4's table."""
    form = Form("table-simplex-gained", "T4", "simplex", "gained", alpha=Fraction(9, 10))
    reward, guidance = [Fraction(1), Fraction(9, 10), Fraction(-5)], [Fraction(-9, 10), Fraction(-1), Fraction(5)]
    found = violation(table_game(1, 3, reward, guidance), form)
    if found is None:
        raise SystemExit("the table is no example")
    return Counterexample(
        form, None, 1, 3, tuple(reward), tuple(guidance), found.point, found.agent, found.action, found.gain
    )


def text_of(record: Any) -> str:
    return json.dumps(record, indent=1) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("forms", nargs="*", metavar="FORM")
    parser.add_argument("--check", action="store_true", help="compare with the stored files, write nothing")
    options = parser.parse_args()
    wanted = options.forms or list(FORMS)
    empty_file = DATA / "empty_searches.json"
    empty = {row["form"]: row["examined"] for row in json.loads(empty_file.read_text())} if empty_file.exists() else {}
    differing = []
    for name in wanted:
        start = time.monotonic()
        result = minimal_example(FORMS[name])
        seconds = time.monotonic() - start
        if isinstance(result, int):
            print(f"{name}: none among {result} fleets, {seconds:.1f} s", flush=True)
            differing += [name] if options.check and empty.get(name) != result else []
            empty[name] = result
            if FORMS[name] not in PROTECTED:
                differing.append(name)
            continue
        print(f"{name}: {result.fleet}, {result.examined} smaller, {seconds:.1f} s", flush=True)
        file, text = DATA / f"{name}.json", text_of(to_json(result))
        if not options.check:
            file.write_text(text)
        elif not file.exists() or file.read_text() != text:
            differing.append(name)
    if not options.forms and not options.check:
        (DATA / "table-simplex-gained.json").write_text(text_of(to_json(table_example())))
    if not options.check:
        empty_file.write_text(text_of([{"form": name, "examined": count} for name, count in empty.items()]))
    if differing:
        sys.exit(f"differs from the stored data, or no example where one is expected: {', '.join(differing)}")


if __name__ == "__main__":
    main()
