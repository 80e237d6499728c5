"""Options of pytest, the seed of stochastic tests and the ledger: a plugin, so that they are installed as well."""

pytest_plugins = ["dgpg_verify.cli.pytest_plugin"]
