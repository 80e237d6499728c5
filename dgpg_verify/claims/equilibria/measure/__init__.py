"""Cells on equilibria: small games, alignment, stored counterexamples, shifts, the trade-off in alpha."""
