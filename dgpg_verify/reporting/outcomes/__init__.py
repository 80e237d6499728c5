"""Pictures of what a policy does in a system, before and after training, beside its reference.

Arrays in, a figure out: roads as a map, generators in merit order, rates against Kelly's, stock against its levels.
"""

from dgpg_verify.reporting.outcomes.merit_order import draw_merit_order
from dgpg_verify.reporting.outcomes.rates import draw_rates
from dgpg_verify.reporting.outcomes.road_map import draw_road_map
from dgpg_verify.reporting.outcomes.stock_levels import draw_stock_levels
