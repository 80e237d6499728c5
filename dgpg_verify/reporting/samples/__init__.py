"""Figures and tables of C3 and A4."""
