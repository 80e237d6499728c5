"""Statements decided in fractions: games, readings of alignment, counterexamples and their search."""
