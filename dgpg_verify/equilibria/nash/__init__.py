"""Equilibria: pure ones by enumeration, mixed ones, what learning reaches; NashConv; two sets compared."""
