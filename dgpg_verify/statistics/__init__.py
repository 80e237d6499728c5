"""Fits, intervals, verdict rules, training runs and measured error rates, on plain arrays."""

from dgpg_verify.statistics.calibration.exponents import (
    PRIMARY_LEVEL,
    PRIMARY_ROWS,
    calibration_table,
    control_table,
)
from dgpg_verify.statistics.calibration.harness import coverage_band, coverage_record
from dgpg_verify.statistics.calibration.headlines import headline_error_rates, majority
from dgpg_verify.statistics.calibration.samples import (
    sample_control_rates,
    sample_coverage,
    sample_error_rates,
    standard_sample_truths,
)
from dgpg_verify.statistics.calibration.settling import (
    DroppingRule,
    settling_error_rates,
    standard_settling_rules,
    uneven_curves,
)
from dgpg_verify.statistics.comparison import difference_interval, probability_of_improvement
from dgpg_verify.statistics.convergence import Convergence, convergence, judge_learned, last_window
from dgpg_verify.statistics.headline import HEADLINES, Headline, join_readings, join_rows
from dgpg_verify.statistics.intervals import clopper_pearson, geometric_mean_interval, mean_interval, mean_of
from dgpg_verify.statistics.performance import interquartile_mean, performance_profile
from dgpg_verify.statistics.power import bonferroni
from dgpg_verify.statistics.sample_fits import SampleFit, fit_samples, judge_p, judge_q
from dgpg_verify.statistics.scaling import ScalingFit, fit_scaling
from dgpg_verify.statistics.settling import judge_settling, settling_mean, settling_percentile
from dgpg_verify.statistics.training_verdicts import (
    judge_collapses,
    judge_equivalent,
    judge_fails,
    judge_matches,
    judge_slightly_below,
)
from dgpg_verify.statistics.verdict import (
    RELATIONS,
    Relation,
    allowed_set,
    allowed_text,
    judge,
    judge_at_least,
    judge_equal,
    judge_interval,
    judge_margins,
    judge_none,
    judge_threshold,
)
