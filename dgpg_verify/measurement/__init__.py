"""Per-agent and team moments of gradient estimators, cross-agent share and the variance-minimising alpha."""

from dgpg_verify.measurement.gradients import measure_gradients
from dgpg_verify.measurement.gradients_of import chunk_size, gradient_blocks, gradients_of
from dgpg_verify.measurement.moments import CreditMoments, GradientMoments, TeamMoments
