"""Mutants: the source of a module with one operator, comparison, number, condition or decorator altered.

The alterations are cosmic-ray's (the extra `mutants`). Left out: those of annotations, imports, raised errors (their
texts) and of whether a record is frozen, which no test has to tell apart; and of its replacements those that only end
in a TypeError, such as a shift of floats.
"""

from __future__ import annotations

import ast
import difflib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
Place = tuple[int, int]  # line, column
ARITHMETIC = ("Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow")
TO_ARITHMETIC = ("Add", "Sub", "Mul", "Div")
LOGICAL = ("BitAnd", "BitOr")
SKIPPED = (ast.Raise, ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Mutant:
    """A module, by its file below the root, with other text from `line` on."""

    file: str
    line: int
    source: str

    @property
    def module(self) -> str:
        return self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def change(self) -> tuple[str, str]:
        """Lines before and after, without what surrounds them."""
        old, new = (ROOT / self.file).read_text().splitlines(), self.source.splitlines()
        blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        found = [(old[a:b], new[c:d]) for tag, a, b, c, d in blocks if tag != "equal"]
        before, after = ([line.strip() for part in parts for line in part] for parts in zip(*found))
        return " ".join(before), " ".join(after)


def draw(files: list[Path], most: int, seed: str) -> tuple[int, Iterator[Mutant]]:
    """How many alterations of these files there are, and at most so many of them, drawn at random without repetition.
    One that cannot be compiled, or that another one has made already, is passed over for the next."""
    found = [(path, *where) for path in files for where in positions(path.read_text())]
    random.Random(seed).shuffle(found)
    return len(found), _made(found, most)


def _made(found: list[tuple[Path, str, int, int]], most: int) -> Iterator[Mutant]:
    from cosmic_ray.mutating import mutate_code

    seen = set[str]()
    for path, operator, occurrence, line in found:
        before = path.read_text()
        source = mutate_code(before, _operators()[operator](), occurrence)
        try:
            tree = ast.dump(ast.parse(source))
        except SyntaxError:
            continue
        if tree not in seen and tree != ast.dump(ast.parse(before)):
            seen.add(tree)
            yield Mutant(path.relative_to(ROOT).as_posix(), line, source)
        if len(seen) == most:
            return


def positions(source: str) -> Iterator[tuple[str, int, int]]:
    """Name of an operator, which of its occurrences, and the line, of every alteration of a module."""
    from cosmic_ray.ast import ast_nodes, get_ast

    skipped = list(_skipped(ast.parse(source)))
    nodes = list(ast_nodes(get_ast(source)))
    for name, operator in _operators().items():
        places = (place for node in nodes for place in operator().mutation_positions(node))
        for occurrence, (begin, _) in enumerate(places):
            if not any(low <= begin < high for low, high in skipped):
                yield name, occurrence, begin[0]


def _operators() -> dict[str, type]:
    from cosmic_ray.operators.provider import _OPERATORS

    return {name: operator for name, operator in _OPERATORS.items() if _kept(name)}


def _kept(name: str) -> bool:
    kind, *words = name.removeprefix("core/").split("_")
    if kind == "ReplaceBinaryOperator":
        old, new = words
        return (old in ARITHMETIC and new in TO_ARITHMETIC) or (old in LOGICAL and new in LOGICAL)
    if kind == "ReplaceComparisonOperator":
        identity = [word.startswith("Is") for word in words]
        return all(identity) or not any(identity)
    return not kind.startswith("Variable")


def _skipped(tree: ast.Module) -> Iterator[tuple[Place, Place]]:
    for node in ast.walk(tree):
        if isinstance(node, SKIPPED) or (isinstance(node, ast.keyword) and node.arg == "frozen"):
            yield _span(node)
        for name in ("annotation", "returns"):
            annotation = getattr(node, name, None)
            if isinstance(annotation, ast.expr):
                yield _span(annotation)


def _span(node: ast.stmt | ast.expr | ast.keyword) -> tuple[Place, Place]:
    return (node.lineno, node.col_offset), (node.end_lineno or 0, node.end_col_offset or 0)
