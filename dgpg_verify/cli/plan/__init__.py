"""The command `plan`: what a run takes, before it starts."""

from dgpg_verify.cli.plan.command import plan
