"""To and from the environments of other packages; each is imported where it is used and nowhere else."""

from dgpg_verify.bridges.pettingzoo import from_parallel_env, to_parallel_env
