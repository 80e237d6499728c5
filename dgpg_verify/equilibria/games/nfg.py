"""Strategic games in Gambit's .nfg format: one payoff table per player.

The body lists payoffs profile by profile, the first player's strategy changing fastest; the outcome version lists
outcomes and, for each profile, the number of one (0 = nothing for anyone).
Source: Gambit, "Game representation formats", http://www.gambit-project.org.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from dgpg_verify.core import InputError
from dgpg_verify.equilibria.arrays import Array
from dgpg_verify.equilibria.games.tables import MAX_JOINT_ACTIONS

TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([{}])|([^\s{},"]+)')
STRING, BRACE, WORD = 1, 2, 3
Token = tuple[int, str]


def read_nfg(text: str, name: str) -> tuple[Array, tuple[str, ...]]:
    """Payoffs [players, K_1, ..., K_N] float64, and the players' names.

    Parameters
    ----------
    name : of the file, for errors.

    Raises
    ------
    InputError : what is no such game, in one line.
    """
    tokens = [(int(match.lastindex or 0), match[match.lastindex or 0]) for match in TOKEN.finditer(text)]
    try:
        return _game(iter(tokens))
    except StopIteration:
        raise InputError(f"{name} ends too early: it must be a whole game in Gambit's .nfg format") from None
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise InputError(f"{name} is no game in Gambit's .nfg format: {error}") from None


def _game(tokens: Iterator[Token]) -> tuple[Array, tuple[str, ...]]:
    start = [next(tokens)[1] for _ in range(3)]
    if start[:2] != ["NFG", "1"] or start[2] not in ("R", "D"):
        raise ValueError(f"it begins with {' '.join(start)!r}, not with 'NFG 1 R'")
    next(tokens)  # the title
    players = tuple(_list(tokens, STRING))
    sizes, body = _sizes(tokens)
    if len(sizes) != len(players) or not players or min(sizes) < 1:
        raise ValueError(f"{len(players)} players have {len(sizes)} numbers of strategies: each must have one, >= 1")
    profiles = math.prod(sizes)
    if profiles > MAX_JOINT_ACTIONS:
        raise ValueError(f"it has {profiles} profiles: at most {MAX_JOINT_ACTIONS} are allowed")
    rest = list(body)
    outcomes = any(kind == BRACE for kind, _ in rest)
    payoffs = _by_outcome(rest, len(players)) if outcomes else [_number(token) for token in rest]
    if len(payoffs) != profiles * len(players):
        raise ValueError(f"it has {len(payoffs)} payoffs: {len(players)} for each of {profiles} profiles are needed")
    table = np.array(payoffs, dtype=np.float64).reshape(*sizes[::-1], len(players))
    return np.ascontiguousarray(table.transpose()), players


def _sizes(tokens: Iterator[Token]) -> tuple[list[int], Iterator[Token]]:
    """Strategies of each player, given as numbers or as lists of names, and the body after an optional comment."""
    _open(tokens)
    sizes: list[int] = []
    for kind, text in tokens:
        if kind == BRACE and text == "{":
            sizes.append(len(list(_until_closed(tokens, STRING))))
        elif kind == BRACE:
            break
        else:
            sizes.append(int(text))
    rest = list(tokens)
    return sizes, iter(rest[1:] if rest and rest[0][0] == STRING else rest)


def _by_outcome(tokens: list[Token], players: int) -> list[float]:
    """Payoffs of every profile from the list of outcomes and the numbers that follow it."""
    body = iter(tokens)
    _open(body)
    outcomes = [[0.0] * players]
    for kind, text in body:
        if kind != BRACE:
            raise ValueError(f"{text!r} stands where an outcome should begin")
        if text == "}":
            break
        if next(body)[0] != STRING:
            raise ValueError("an outcome has no name")
        outcomes.append([_number((WORD, value)) for value in _until_closed(body, WORD)])
        if len(outcomes[-1]) != players:
            raise ValueError(f"an outcome has {len(outcomes[-1])} payoffs: it must have {players}")
    chosen = [int(text) for _, text in body]
    if any(not 0 <= number < len(outcomes) for number in chosen):
        raise ValueError(f"a profile has an outcome outside [0, {len(outcomes) - 1}]")
    return [value for number in chosen for value in outcomes[number]]


def _list(tokens: Iterator[Token], wanted: int) -> Iterator[str]:
    _open(tokens)
    return _until_closed(tokens, wanted)


def _open(tokens: Iterator[Token]) -> None:
    kind, text = next(tokens)
    if (kind, text) != (BRACE, "{"):
        raise ValueError(f"{text!r} stands where a list should begin")


def _until_closed(tokens: Iterator[Token], wanted: int) -> Iterator[str]:
    for kind, text in tokens:
        if (kind, text) == (BRACE, "}"):
            return
        if kind != wanted:
            raise ValueError(f"{text!r} stands in a list where it does not belong")
        yield text
    raise ValueError("a list is not closed")


def _number(token: Token) -> float:
    """A decimal number or a fraction, as 3, -.5, 1e-3 or 1/3."""
    if token[0] != WORD:
        raise ValueError(f"{token[1]!r} stands where a payoff should be")
    value = float(Fraction(token[1])) if "/" in token[1] else float(token[1])
    if not math.isfinite(value):
        raise ValueError(f"{reprlib.repr(token[1])} is no finite number")
    return value
