"""Where a run comes from: environment.json without private places, and the commands that repeat or dispute it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from dgpg_verify.core import LedgerRow
from dgpg_verify.core.claim_ids import claim_order, is_named
from dgpg_verify.runs.progress import duration_text

SMALL = ("smoke", "one to two minutes on two cores")  # the scale at which a dispute begins, and its time
PRIVATE = {"host", "hostname", "node", "user", "username", "cwd", "home", "folder", "path", "interpreter", "executable"}
TITLES = "titles"  # entry of environment.json: claim id -> title, shown as headings and not as provenance
_PATH = re.compile(r"(?:file://|(?<![\w.\-/<:]))/(?:[\w.+@~-]+/)+[\w.+@~-]*|\b[A-Za-z]:\\[^\s\"']+")


def scrub(text: str) -> str:
    """`text` with every absolute path cut to its last name: a report tells nothing about a machine's folders."""
    return _PATH.sub(lambda match: re.split(r"[/\\]", match[0].rstrip("/\\"))[-1], text)


def flatten(environment: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """environment.json as (name, text) pairs, nested names joined by dots, private entries left out."""
    pairs: list[tuple[str, str]] = []
    for key, value in environment.items():
        if key.lower() in PRIVATE or (not prefix and key == TITLES):
            continue
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            pairs += flatten(value, f"{name}.")
        elif isinstance(value, list):
            pairs.append((name, " ".join(map(str, value))))
        else:
            pairs.append((name, "unknown" if value is None else str(value)))
    return pairs


def _option(environment: Mapping[str, Any], name: str) -> str | None:
    """A run option: as recorded, else as it stands in the recorded command."""
    value = environment.get(name)
    if isinstance(value, str | int):
        return str(value)
    command = environment.get("command", "")
    text = " ".join(map(str, command)) if isinstance(command, list) else str(command)
    match = re.search(rf"--{name}[ =](\S+)", text)
    return match[1] if match else None


def run_scale(environment: Mapping[str, Any]) -> str:
    """The scale of the run; `standard` is what the benchmark uses by default."""
    return _option(environment, "scale") or "standard"


def run_seed(environment: Mapping[str, Any]) -> int:
    """The master seed of the run; 0 is what the benchmark uses by default."""
    text = _option(environment, "seed") or "0"
    return int(text) if text.lstrip("-").isdigit() else 0


def run_claims(environment: Mapping[str, Any]) -> list[str] | None:
    """The claims that were measured, as recorded beside or under `options`; None if not recorded."""
    options = environment.get("options")
    for place in (environment, options if isinstance(options, Mapping) else {}):
        claims = place.get("claims")
        if isinstance(claims, list) and all(isinstance(name, str) for name in claims):
            return list(claims)
    return None


def ran(prefix: str, claims: Iterable[str] | None) -> bool:
    """Whether a run of these claims measured one that the prefix names; a run that does not say may have."""
    return claims is None or any(is_named(claim, prefix) for claim in claims)


def claim_titles(environment: Mapping[str, Any]) -> dict[str, str]:
    """The claims' titles by id, as the run recorded them; empty where it did not."""
    titles = environment.get(TITLES)
    return {str(key): str(title) for key, title in titles.items()} if isinstance(titles, Mapping) else {}


def took_text(rows: Iterable[LedgerRow], environment: Mapping[str, Any], claim: str) -> str:
    """How long the cells of a family of claims took the run's processes: '40 s', '24 min', '5.2 h'; "" if unknown.

    Parameters
    ----------
    rows : the ledger; rows that were read from the same cells count once.
    claim : any id of the family, or its head.
    """
    cells: dict[str, float] = {}
    for row in rows:
        if row.id.split(".")[0] == claim.split(".")[0]:
            cells |= {name: max(cells.get(name, 0.0), row.seconds / len(row.files)) for name in row.files}
    workers = environment.get("workers")
    if not isinstance(workers, int) or not any(cells.values()):
        return ""
    return duration_text(sum(cells.values()) / workers)


def repeat_command(
    environment: Mapping[str, Any], claim: str | None = None, *, other_seed: bool = False, scale: str = ""
) -> str:
    """The command that repeats a run, or one family of claims; with another seed it is the one that disputes it.
    `scale` is that of the run unless given."""
    claims = claim.split(".")[0] if claim else _asked(environment)
    chosen = f" --claims {claims}" if claims else ""
    seed = run_seed(environment) + int(other_seed)
    return f"pytest theorems/ --benchmark --scale {scale or run_scale(environment)}{chosen} --seed {seed}"


def _asked(environment: Mapping[str, Any]) -> str | None:
    """The claims that the run was asked, all of them for None. The recorded command is that of its last sitting: where
    the run holds other claims too, all of its families are named."""
    asked, held = _option(environment, "claims"), run_claims(environment) or []
    if asked and any(not any(is_named(claim, prefix) for prefix in asked.split(",")) for claim in held):
        return ",".join(dict.fromkeys(claim.split(".")[0] for claim in sorted(held, key=claim_order)))
    return asked
