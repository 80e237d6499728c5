"""Numbers, intervals, names and settings in words: one wording for page, figures and tables."""

from __future__ import annotations

import math
import re
from typing import Any

from dgpg_verify.core import LedgerRow
from dgpg_verify.reporting.records import data
from dgpg_verify.statistics import allowed_text

WORDS: dict[str, dict[str, str]] = data("words")
SETTINGS = WORDS["settings"]


def worded(kind: str, key: str) -> str:
    """The words for a key of that kind; an unknown one as it is, underscores opened."""
    return WORDS[kind].get(key, key.replace("_", " "))


def system_name(name: Any) -> str:
    """A system's name for a title; an unknown one is shown as it is, underscores opened."""
    base, *rest = re.split(r"(?=[ /])", str(name), maxsplit=1)
    more = "".join(rest).replace("_", " ")
    return worded("systems", base) + (more.replace("/", ", ") if base in WORDS["systems"] else more)


def credit_name(name: str) -> str:
    """A credit's name for a label."""
    if name.startswith("guided:"):
        alpha, _, setting = name.split(":", 1)[1].split("@")[0].partition("/")
        return f"DG-PG{', ' * bool(setting)}{setting}, \u03b1 = {alpha}"
    return WORDS["credits"].get(name, name)


def policy_name(name: str) -> str:
    """A policy's name in words: 'linear policy on best fit, temperature 0.3' for linear@best_fit:0.3."""
    network, on, rest = name.replace("_", " ").rpartition("@")
    heuristic, _, number = rest.removeprefix("heuristic:").rpartition(":")
    if rest.startswith("toward:"):
        return f"policy {100 * float(number):g} % of the way to the optimum"
    if heuristic:
        return (
            f"{network} policy on {heuristic}, temperature {number}"
            if on
            else f"{heuristic} policy, temperature {number}"
        )
    return rest if not rest or "policy" in rest else f"{rest} policy"


def policy_in_words(text: str) -> str:
    """A sentence in which "policy linear@best_fit:0.3" stands in words."""
    return re.sub(r"\bpolicy (\w+[@:][\w@:]*\d(?:\.\d+)?)", lambda found: policy_name(found[1]), text)


def method_name(name: str) -> str:
    """A training method's name for a label."""
    return worded("methods", name)


def row_label(label: Any, method: str) -> str:
    """A training row's label, underscores opened; one that only repeats the method's key becomes its name."""
    text = str(label or "").replace("_", " ")
    return method_name(method) if text.lower() in ("", method.replace("_", " ")) else text


def sentence(text: str) -> str:
    """`text` as a sentence: a capital first, a full stop last; a short name such as 'V(N)' keeps its case."""
    text = text.strip()
    if text[:2].isalpha() and text[:2].islower():
        text = text[0].upper() + text[1:]
    return text if not text or text[-1] in ".!?" else text + "."


def number_text(value: float | None, digits: int = 3) -> str:
    """A number to `digits` significant figures; fixed point where short, else scientific; '-' if unknown."""
    if value is None or not math.isfinite(value):
        return "-"
    if value == 0:
        return "0"
    if isinstance(value, int):
        return str(value)
    if 1e-3 <= abs(value) < 1e5:
        decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
        return f"{value:.{min(decimals, 6)}f}"
    return f"{value:.{digits - 1}e}"


def exponent_text(value: float | None) -> str:
    """A slope to two decimals, never '-0.00'."""
    if value is None:
        return "-"
    return f"{value + 0.0:.2f}".replace("-0.00", "0.00")


def interval_text(row: LedgerRow) -> str:
    """'0.98 [0.93, 1.03]', with '-' where a number is not measurable."""

    def short(value: float | None) -> str:
        if value is not None and (abs(value) < 1e-4 or 0.01 <= abs(value) < 100):
            return exponent_text(value) if value else "0"
        return number_text(value, 2)

    if row.estimate is None and row.low is None and row.high is None:
        return "not measurable"
    return f"{short(row.estimate)} [{short(row.low)}, {short(row.high)}]"


def relation_text(row: LedgerRow) -> str:
    """The rule of decision: '1 +- 0.15', 'at most 0 + 0.15', or the relation's own name if no number is expected."""
    if row.expected is None:
        return row.relation.replace("_", " ")
    return allowed_text(row.relation, row.expected, row.margin).replace("-+", "+-")


def setting_text(row: LedgerRow) -> str:
    """Where a row was measured, in one line; empty parts are left out."""
    parts = (row.system, row.policy, row.sharing, row.setting)
    return " / ".join(part for part in parts if part)


def slope_phrase(exponent: float | None, low: float | None, high: float | None) -> str:
    """A slope's interval in words: 'grows like N^0.98', 'shows no growth (N^0.02)' ..."""
    if exponent is None:
        return "has no fitted slope"
    power = f"N^{exponent_text(exponent)}"
    if low is None or high is None:
        return f"goes like {power}, interval unknown"
    if power == "N^0.00":
        return f"stays flat ({power})"
    if low > 0:
        return f"grows like {power}"
    if high < 0:
        return f"falls like {power}"
    return f"shows no trend ({power})"


def count_text(value: float) -> str:
    """A count for plain reading: 7, 40, 1 200, 3.1 million."""
    if value >= 1e6:
        return f"{value / 1e6:.3g} million"
    rounded = round(value) if value < 100 else round(value, -math.floor(math.log10(value)) + 1)
    return f"{int(rounded):,}".replace(",", "\u202f")
