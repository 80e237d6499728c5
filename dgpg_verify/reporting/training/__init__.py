"""Figures and tables of C4."""
