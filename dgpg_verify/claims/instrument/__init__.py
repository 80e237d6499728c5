"""Audit A0: the instrument against its oracles, and the error rates of the verdict rules."""
