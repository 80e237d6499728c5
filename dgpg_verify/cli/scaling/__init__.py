"""The command `scaling`: how the noise of each credit grows with the number of agents, with exponents and verdicts."""

from dgpg_verify.cli.scaling.command import scaling
