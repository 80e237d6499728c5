"""Figures and tables of C2 and A2."""
