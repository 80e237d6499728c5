"""Closed-form noise of the credits of linear-quadratic teams, weighted: tr(W Cov) for W = I or W = A (F2 - F4).

W = I gives the variance pooled over agents, for alpha*; W = A what noise costs in J after one step, for the greedy
step. Difference reward and guidance are one family, the local credits: g_i = -[xi_i^2 (s_i + sigma sum_{k != i} C_ik
xi_k) + sigma xi_i^3 D_i], with (C, s, D) = (A, u, A_ii / 2) for the difference reward, (B, v, B_ii) for the chain
rule and (B, v, B_ii / 2) for exact guidance. Then for i != j
    Cov(g_i, g_j) = sigma^2 [(C^2)_ij - C_ij (C_ii + C_jj) + 3 C_ij (D_i + D_j)],
    Var g_i = 2 s_i^2 + 3 sigma^2 sum_{k != i} C_ik^2 + 15 sigma^2 D_i^2,
quadratic in (C, s, D) together, which gives the covariance of two such credits by polarisation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import ArpackNoConvergence, eigsh

from dgpg_verify.core import InputError
from dgpg_verify.samples.problems import Array, IntArray
from dgpg_verify.samples.team.squares import TeamSquares
from dgpg_verify.samples.traces import NoiseTraces

DENSE = 300  # agents up to which eigenvalues come from the dense matrix; then Lanczos
SINGULAR = 1e-9  # least eigenvalue over largest, at or below which a quadratic counts as flat somewhere


@dataclass(frozen=True, eq=False)
class TeamNoise:
    """Constants of tr(W Cov) for one weight W: diagonal [R, N] = W_ii; constant: credit -> [R], the part that does not
    depend on theta, of the return, the difference reward, chain-rule and exact guidance ("chain", "exact"), and of the
    covariance of the chain rule with the return and with the difference reward ("return, chain", ...)."""

    diagonal: Array
    constant: Mapping[str, Array]

    def traces(self, base: str | None, exact: bool, u: Array, v: Array, curved: Array) -> NoiseTraces:
        """tr(W Cov) at slopes u = -grad J and v = grad G [R, N]; curved = u'Wu [R].

        base: "return" (centred by J), "difference" or None; the covariance is with the chain rule, the form that
        mixtures use. Cost: O(R N).
        """
        guidance = 2.0 * (self.diagonal * v**2).sum(1) + self.constant["exact" if exact else "chain"]
        if base is None:
            return NoiseTraces(np.zeros(len(u)), guidance, np.zeros(len(u)))
        if base == "difference":
            base_trace = 2.0 * (self.diagonal * u**2).sum(1)
        else:
            base_trace = self.diagonal.sum(1) * (u**2).sum(1) + curved
        cross = 2.0 * (self.diagonal * u * v).sum(1) + self.constant[f"{base}, chain"]
        return NoiseTraces(base_trace + self.constant[base], guidance, cross)


def team_noise(parts: Sequence[TeamSquares], fleets: IntArray, sigma: float, curvature: bool) -> TeamNoise:
    """TeamNoise of all runs, W = A if `curvature` else I. parts: one per fleet; fleets [R]. Cost: a few sparse
    products per fleet."""
    weights = [part.a if curvature else sparse.csr_array(sparse.eye_array(part.a.shape[0])) for part in parts]
    rows = [_constants(part.a, part.b, weight) for part, weight in zip(parts, weights)]
    constant = {name: sigma**2 * np.array([row[name] for row in rows])[fleets] for name in rows[0]}
    return TeamNoise(np.stack([weight.diagonal() for weight in weights])[fleets], constant)


def spread_constants(part: TeamSquares) -> Array:
    """[2]: what the variances of the return and of the guidance values (chain rule, agents pooled about one mean) over
    sigma^4 hold beside the slopes: Var R = sigma^2 |u|^2 + sigma^4 / 2 tr A^2 and, with means over agents,
    Var g = sigma^2 mean v_i^2 + sigma^4 (mean (B^2)_ii + 2 mean B_ii^2 - (mean B_ii)^2)."""
    b_ii = part.b.diagonal()
    guidance = _inner(part.b, part.b) / len(b_ii) + 2.0 * (b_ii**2).mean() - b_ii.mean() ** 2
    return np.array([0.5 * _inner(part.a, part.a), guidance])


def extreme_curvatures(matrix: sparse.csr_array, name: str) -> Array:
    """Least and largest eigenvalue [2] of A or B. InputError where it is singular: no unique optimum."""
    size = matrix.shape[0]
    if size <= DENSE:
        low, high = np.linalg.eigvalsh(matrix.toarray())[[0, -1]]
    else:
        try:
            start = np.ones(size)
            low, high = (eigsh(matrix, 1, which=end, v0=start, return_eigenvectors=False)[0] for end in ("SA", "LA"))
        except ArpackNoConvergence:
            low, high = np.linalg.eigvalsh(matrix.toarray())[[0, -1]]
    if low <= SINGULAR * high:
        raise InputError(f"{name} has curvatures from {low:.3g} to {high:.3g}: they must all be positive")
    return np.array([low, high])


def _constants(a: sparse.csr_array, b: sparse.csr_array, weight: sparse.csr_array) -> dict[str, float]:
    """The constants of one fleet over sigma^2."""
    a_ii, b_ii, square = a.diagonal(), b.diagonal(), sparse.csr_array(a @ a)
    difference, chain = _local(weight, a, 0.5 * a_ii), _local(weight, b, b_ii)
    summed = _local(weight, sparse.csr_array(a + b), 0.5 * a_ii + b_ii)
    return {
        "return": 0.5 * weight.diagonal().sum() * square.diagonal().sum() + 2.0 * _inner(weight, square),
        "difference": difference,
        "chain": chain,
        "exact": _local(weight, b, 0.5 * b_ii),
        "return, chain": _with_return(weight, a, b),
        "difference, chain": 0.5 * (summed - difference - chain),
    }


def _local(w: sparse.csr_array, c: sparse.csr_array, d: Array) -> float:
    """tr(W Cov) / sigma^2 of the local credit (C, s = 0, D)."""
    c_ii, square = c.diagonal(), sparse.csr_array(c @ c)
    shared = _inner(w, square) + _scaled(w, c, 3.0 * d - c_ii)
    # on the diagonal the sum above holds (C^2)_ii + 2 C_ii (3 D_i - C_ii): replace it by the variance
    wrong = square.diagonal() + 2.0 * c_ii * (3.0 * d - c_ii)
    right = 3.0 * (square.diagonal() - c_ii**2) + 15.0 * d**2
    return shared + float((w.diagonal() * (right - wrong)).sum())


def _with_return(w: sparse.csr_array, a: sparse.csr_array, b: sparse.csr_array) -> float:
    """tr(W X) / sigma^2, X = Cov(return_i, chain-rule guidance_j) at u = v = 0 and b = E R (F3, F4 with c = 1)."""
    a_ii, b_ii, product = a.diagonal(), b.diagonal(), sparse.csr_array(a @ b)
    on_column_a = float((w.multiply(b).sum(0) * a_ii).sum())  # W_ij B_ij A_jj
    on_column_b = float((w.multiply(a).sum(0) * b_ii).sum())
    # W_ii X_ii is 3 (AB)_ii + 3 A_ii B_ii; the sums hold (AB)_ii + 3 A_ii B_ii on the diagonal
    missing = 2.0 * float((w.diagonal() * product.diagonal()).sum())
    return _inner(w, product) + on_column_a + 2.0 * on_column_b + missing


def _inner(p: sparse.csr_array, q: sparse.csr_array) -> float:
    """sum_ij P_ij Q_ij."""
    return float(p.multiply(q).sum())


def _scaled(w: sparse.csr_array, c: sparse.csr_array, d: Array) -> float:
    """sum_ij W_ij C_ij (d_i + d_j), W and C symmetric."""
    return 2.0 * float((w.multiply(c).sum(0) * d).sum())
