"""Cost of guidance: every replicate is drawn, and the title is the mean ratio."""

from __future__ import annotations

from dgpg_verify.reporting.cost.guidance_cost import draw_guidance_cost
from dgpg_verify.reporting.frame import frames
from tests.reporting.noise.test_figures import dots
from tests.reporting.training.synthetic_training import training_tables


def test_every_replicate_is_drawn_and_the_title_is_the_mean_ratio() -> None:
    made = frames(training_tables(seeds=4))
    assert dots(draw_guidance_cost(made)) == 3 * len(made["guidance_cost"])
    slow = {**made, "guidance_cost": made["guidance_cost"].assign(ratio=4.0)}
    assert "4 [4, 4] times" in draw_guidance_cost(slow).texts[0].get_text()
