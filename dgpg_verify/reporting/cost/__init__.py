"""Figures of C5."""
