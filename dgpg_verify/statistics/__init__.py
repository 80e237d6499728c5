"""Plain arrays in, judged numbers out: scaling fits, intervals, verdict rule, design, training runs, measured
error rates."""

from dgpg_verify.statistics.calibration.exponents import (
    PRIMARY_LEVEL,
    PRIMARY_ROWS,
    Procedure,
    allowed_errors,
    calibration_table,
    control_table,
    coverage_band,
    coverage_record,
    error_rates,
    faulty_procedures,
    standard_procedures,
    unseen_crossovers,
)
from dgpg_verify.statistics.calibration.samples import (
    SampleTruth,
    sample_control_rates,
    sample_coverage,
    sample_error_rates,
    standard_sample_truths,
)
from dgpg_verify.statistics.calibration.settling import (
    CurveLaw,
    DroppingRule,
    SettlingRule,
    settling_error_rates,
    settling_limits,
    standard_curves,
    standard_settling_rules,
    uneven_curves,
)
from dgpg_verify.statistics.calibration.truths import Truth, standard_truths
from dgpg_verify.statistics.comparison import difference_interval, probability_of_improvement
from dgpg_verify.statistics.convergence import Convergence, convergence, judge_learned, last_window, levels_of
from dgpg_verify.statistics.intervals import (
    clopper_pearson,
    geometric_mean_interval,
    jackknife,
    mean_interval,
    ratio_interval,
    simultaneous,
    variance_interval,
)
from dgpg_verify.statistics.performance import Profile, interquartile_mean, performance_profile
from dgpg_verify.statistics.power import (
    bonferroni,
    log_variance_spread,
    replicates_to_decide,
    slope_leverage,
    slope_standard_error,
)
from dgpg_verify.statistics.sample_fits import SampleFit, fit_samples, judge_p, judge_q
from dgpg_verify.statistics.scaling import AffineFit, ScalingFit, SlopeFit, fit_scaling, top_decade
from dgpg_verify.statistics.settling import judge_settling, settling_mean, settling_percentile
from dgpg_verify.statistics.training_verdicts import (
    judge_collapses,
    judge_equivalent,
    judge_fails,
    judge_matches,
    judge_slightly_below,
)
from dgpg_verify.statistics.verdict import (
    MARGIN,
    exponent_labels,
    judge,
    judge_at_least,
    judge_equal,
    judge_margins,
    judge_threshold,
)
