"""Figures of C1."""
