'''What all figures share. Figures read saved numbers; what they compute of them (means, intervals, slopes for
titles) decides nothing: verdicts come from the ledger.

- `look`: neutral tones, `Look` (colour, marker, dashes), `credit_look`, `alpha_color`, `shades` by rank, `styled`.
- `sheet`: `panels` (rows x cols) and `grid` (one panel per item) with title, subtitle, legend and caption; `detail`
  titles a panel, `indent` makes room for names beside the panels; `given_or_new` is a caller's axes or new ones.
- `axes`: `n_axis`, `log_x`, `log_y`, `share_y` (percent), `limits` of a log axis, `rule` (a threshold), `dodge` and
  `quiet` (no box, thin grid).
- `marks`: `dots` (replicates), `bars` (intervals), `joined` (marks and line), `summary` (points of `frame.over_n`),
  `fitted` (a power of N), `key` (legend entry), `EndLabel` and `label_ends` (names at the lines' ends).
- `captions`: `fleets_text`, `count_range`, `left_out`.
- `spec`: `FigureSpec`, the declaration of a figure; `saving`: SVG, PNG and SVG for the page.

Rows come from `reporting.frame`: frames with every column of data/tables.toml, missing numbers NaN. A new figure is
one function and one line in FIGURES of its family, or an entry point of another package (`reporting.figures`):

    def draw_memory(frames: Frames) -> Figure:
        """Memory ratio against N, every replicate a dot."""
        rows = need(known(frames["guidance_cost"], "bytes_ratio"), "guidance_cost", "bytes_ratio")
        fig, axes = panels(1, 1, title="Memory that guidance adds", subtitle="", caption=fleets_text(rows) + ".")
        ax, look = axes[0, 0], credit_look("guidance")
        n_axis(ax, rows["n"])
        dots(ax, rows["n"], rows["bytes_ratio"], look)
        summary(ax, over_n(rows, "bytes_ratio", geometric_mean), look)
        quiet(ax)
        return fig

    FIGURES = (FigureSpec("memory", "Memory that guidance adds", draw_memory, "guidance_cost", "C5"),)
'''
