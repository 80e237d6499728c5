"""pytest's options, the seed of stochastic tests and the ledger are a plugin of the package, which is installed with it."""

pytest_plugins = ["dgpg_verify.cli.pytest_plugin"]
