"""Figure: variance and noise-to-signal against N, per agent and, beside it, with shared parameters."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from dgpg_verify.reporting.drawing.axes import n_axis, quiet
from dgpg_verify.reporting.drawing.captions import fleets_text, left_out
from dgpg_verify.reporting.drawing.marks import label_ends
from dgpg_verify.reporting.drawing.sheet import panels
from dgpg_verify.reporting.frame import Frames, Place, at, in_primary_setting, need, per_agent, places, shared
from dgpg_verify.reporting.noise.credits import draw_credits, headline_credits, slopes_text

COLUMNS = {"variance": "variance V, pooled over agents", "noise_to_signal": "noise-to-signal, pooled"}


def draw_variance(frames: Frames, place: Place | None = None) -> Figure:
    """Variance (above) and noise-to-signal (below) against N, log-log, every fleet, interval and slope.

    Tables `moments` and `fits`; by default the first place measured. Raises NothingToDraw.
    """
    moments = need(frames["moments"], "moments", "row")
    place = place or places(moments)[0]
    rows = in_primary_setting(at(moments, place))
    parts = {"own parameters, per agent": per_agent(rows), "shared parameters, update applied": shared(rows)}
    parts = {name: part for name, part in parts.items() if not part.empty}
    drawn = need(pd.concat([rows.iloc[:0], *parts.values()]), "moments", f"row for {place.title}")
    credits, first = headline_credits(drawn), next(iter(parts.values()))
    slopes = slopes_text(frames["fits"], first, "noise_to_signal")
    beside = len(parts) == 1  # without shared rows the two statistics stand side by side
    fig, axes = panels(
        1 if beside else 2,
        2,
        title=f"Noise-to-signal per agent: {slopes}" if slopes else "Gradient noise against the number of agents",
        subtitle=f"{place.title}. A straight line is a power of N: slope 1 is proportional to N, "
        "slope 0 independent of it.",
        caption=f"{fleets_text(first)}; every small mark is one fleet, large marks are geometric means with 95 % "
        "intervals over fleets. Shaded N decide: thick line and fan are the deciding slope and its interval."
        f"{left_out(sorted(set(drawn['credit'])), credits)}",
        label_room=1.8,
        gap=(0.85, 0.6),
    )
    for c, (name, part) in enumerate(parts.items()):
        for f, (column, label) in enumerate(COLUMNS.items()):
            ax = axes[0, f] if beside else axes[f, c]
            n_axis(ax, part["n"])
            ends = draw_credits(ax, frames["fits"], part, column, credits)
            ax.set_ylabel(label)
            ax.set_title(name if f == 0 or beside else "")
            quiet(ax)
            label_ends(ax, ends)
    return fig
