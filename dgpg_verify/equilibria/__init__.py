"""Equilibria of small one-shot games and of teams: exact sets, thresholds in alpha, alignment, counterexamples.

games/            tables J and G on every joint action, mixed profiles, the fleets drawn at random
nash/             pure equilibria by enumeration (pure.py), NashConv (nash_conv.py), mixed and stationary points
alignment/        whether grad J and -grad G agree: at profiles, at all of them, by signs of the tables
shift/            alpha_c (alpha_c.py), how far equilibria move with alpha
teams/            stationary sets of the linear-quadratic team in closed form
exact/            the same questions in fractions, from the definitions
counterexamples/  forms of the claim, search for the smallest fleet that refutes one, its certificate (certificate.py)
data/             the counterexamples found
answers.py        all of it for one game or team, as plain values
"""

from dgpg_verify.equilibria.alignment.signs import sign_agreement
from dgpg_verify.equilibria.games.profiles import action_values, expected
from dgpg_verify.equilibria.games.random_games import random_games, random_tables
from dgpg_verify.equilibria.games.tables import MAX_JOINT_ACTIONS, Tables, check_alpha, joint_tables
from dgpg_verify.equilibria.nash.ascent import reached_equilibrium
from dgpg_verify.equilibria.nash.nash_conv import nash_conv
from dgpg_verify.equilibria.nash.pure import pure_nash
from dgpg_verify.equilibria.nash.stationary import stationary_points
from dgpg_verify.equilibria.nash.two_player import two_player_equilibria
from dgpg_verify.equilibria.shift.alpha_c import alpha_intervals, alpha_limits, exact_interval
