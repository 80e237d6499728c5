"""The noise of a mixture of two credits, from three traces that do not depend on alpha."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dgpg_verify.samples.problems import Array

FLAT = 1e-12  # curvature of the variance in alpha, relative to the two variances, at or below which it is rounding


@dataclass(frozen=True, eq=False)
class NoiseTraces:
    """Weighted traces over all agents at one roll-out, ascent sign, arrays of one shape.

    base, guidance: tr(W Cov) of the two credits; cross: tr(W X) of their covariance X. W = I gives variances.
    """

    base: Array
    guidance: Array
    cross: Array

    def mixed(self, alpha: Array) -> Array:
        """Trace of (1 - alpha) base + alpha guidance."""
        rest = 1.0 - alpha
        return np.asarray(rest**2 * self.base + alpha**2 * self.guidance + 2.0 * alpha * rest * self.cross)

    def best_alpha(self) -> Array:
        """alpha* in [0, 1], where (1 - alpha) base + alpha guidance has least noise; 0 where all alphas are alike."""
        bend = self.base + self.guidance - 2.0 * self.cross
        flat = bend <= FLAT * (self.base + self.guidance)
        return np.where(flat, 0.0, np.clip((self.base - self.cross) / np.where(flat, 1.0, bend), 0.0, 1.0))
