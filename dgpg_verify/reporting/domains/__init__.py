"""Figures of the other domains."""

from functools import partial

from dgpg_verify.reporting.domains.balance import draw_balance
from dgpg_verify.reporting.domains.predictions import draw_predictions
from dgpg_verify.reporting.drawing.spec import FigureSpec

CLAIMS = {"C7": "traffic", "C8": "power", "C9": "rates", "C10": "inventory"}
FIGURES = (
    *(
        FigureSpec(f"predictions_{name}", f"Predicted and found: {name}", partial(draw_predictions, claim=claim),
                   "domains", claim)
        for claim, name in CLAIMS.items()
    ),
    FigureSpec("balance", "Noise against balance", draw_balance, "balance_weights", "C8"),
)  # fmt: skip
