"""What was measured before, row by row: (label, reason). Changed by hand only, with a reason."""

from __future__ import annotations

from collections.abc import Mapping

RECORDS: Mapping[str, tuple[str, str]] = {}
