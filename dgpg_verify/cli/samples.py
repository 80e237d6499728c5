'''The command `samples`: how many joint samples a method needs to a gap, over N and eps, with p, q and floors.

A system of your own goes through the same learner and the same fit, in Python. It needs its exact gap, a sampled
direction and, for the theory's steps, three constants (`samples.Problem` defines each of them):

    import numpy as np

    from dgpg_verify.samples import (
        Constants, TheoryStep, cell_generator, learn, make_method, samples_to_gap, start_fractions
    )
    from dgpg_verify.statistics import fit_samples

    class Bowl:
        """J = -1/2 sum (theta_i - 1)^2; each direction carries noise of variance N, as a shared return does."""

        def __init__(self, n_agents, runs=16):
            self.n_agents, self.runs = n_agents, runs  # every run a fleet of its own

        def start(self):
            return np.zeros((self.runs, self.n_agents))

        def gap(self, state):  # exact, per agent
            return 0.5 * ((state - 1.0) ** 2).mean(1)

        def mean_direction(self, state, credit, alpha):
            return 1.0 - state

        def step_direction(self, state, credit, alpha, roll_outs, generator):
            return 1.0 - state + generator.normal(0.0, (self.n_agents / roll_outs) ** 0.5, state.shape)

        def constants(self, credit, alpha):
            ones = np.ones(self.runs)
            return Constants(mu=ones, smoothness=ones, noise_trace=self.n_agents * ones)

        def optimal_alpha(self, state, credit):  # nothing is mixed in: J alone
            return np.zeros(self.runs)

        def deviations(self, state):  # of return and guidance, for the settings parts and both
            return np.ones(self.runs), np.ones(self.runs)

        def best_step(self, state, credit, alpha, roll_outs):  # curvature 1: |grad|^2 over its second moment
            slope = ((1.0 - state) ** 2).sum(1)
            return slope / (slope + self.n_agents**2 / roll_outs)

    sizes, factors = (4, 8, 16, 32), (5, 15, 45)
    arrivals = []
    for n in sizes:
        problem = Bowl(n)
        curve = learn(problem, make_method("return"), TheoryStep(), 20_000, cell_generator(0, n),
                      stop_below=problem.gap(problem.start()) / max(factors))
        arrivals.append(samples_to_gap(curve, start_fractions(curve, factors)))
    low, high = (np.stack([getattr(arrival, end) for arrival in arrivals], axis=1) for end in ("low", "high"))
    fit = fit_samples(sizes, 1.0 / np.array(factors), low, high, 0.95, minimum_n=4)
    print(fit.p.exponent, fit.p.low, fit.p.high)  # near 1: this is O(N / eps)
'''

from __future__ import annotations

from typing import Annotated

import typer

from dgpg_verify.cli.options import AsJson, Seed, SystemOptions, print_answer

METHODS = (
    "return, difference, guidance, guided|mixed|parts|both:A, guided:published|optimal|sqrt|zero; of cloud: as train"
)
FACTORS = "eps = gap at the start / each; 3 over a factor of 8 for q (10,30,100; cloud 2.5,5,10,20)"
BUDGET = "joint samples per run at most (default 20000; load_balancing 4000, cloud 40)"
STEP = "theory (its schedule, the default) or greedy (the oracle's best step); cloud: adam"


def samples(
    system: Annotated[str, typer.Option(help="linear_quadratic, load_balancing or cloud")] = "linear_quadratic",
    methods: Annotated[str | None, typer.Option(help=METHODS)] = None,
    n: Annotated[str, typer.Option("--n", help="numbers of agents; 4 within a decade for p")] = "8,16,32,64",
    eps_factors: Annotated[str | None, typer.Option(help=FACTORS)] = None,
    fleets: Annotated[int | None, typer.Option(help="independent fleets at each N (default 16; cloud 6)")] = None,
    budget: Annotated[int | None, typer.Option(help=BUDGET)] = None,
    step: Annotated[str | None, typer.Option(help=STEP)] = None,
    seed: Seed = 0,
    option: SystemOptions = None,
    as_json: AsJson = False,
) -> None:
    """Joint samples until the gap per agent stays below eps: n_eps over N, its powers of N and 1/eps, floors."""
    from dgpg_verify.cli.samples_runs import make_request, samples_answer
    from dgpg_verify.reporting.samples.text import samples_text

    words = {"methods": methods, "n": n, "eps_factors": eps_factors, "fleets": fleets, "budget": budget, "step": step}
    request = make_request(system, option or [], seed=seed, **words)
    answer = samples_answer(request, lambda text: typer.echo(text, err=True))
    print_answer(answer, samples_text, as_json)
