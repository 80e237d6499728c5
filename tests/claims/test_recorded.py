"""recorded.toml: every record has a label, a reason and one place."""

from __future__ import annotations

import pytest

from dgpg_verify.claims.claim import all_claims
from dgpg_verify.claims.recorded import RECORDED, read_recorded
from dgpg_verify.core import InputError

GROUP = '[[group]]\nlabel = "{label}"\nreason = "{reason}"\nrows = {rows}\n'


def test_every_record_belongs_to_a_claim() -> None:
    ids = {claim.id for claim in all_claims()}
    assert RECORDED and {row.partition("/")[0] for row in RECORDED} <= ids


@pytest.mark.parametrize(
    "group, message",
    [
        ({"label": "true", "reason": "r", "rows": ["a"]}, "needs a label of supported"),
        ({"label": "supported", "reason": "", "rows": ["a"]}, "and a reason"),
        ({"label": "supported", "reason": "r", "rows": ["a", "a"]}, "'a' more than once"),
    ],
)
def test_faulty_records_are_refused(group: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_recorded(GROUP.format(**group).replace("'", '"'))
