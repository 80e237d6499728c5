"""Figures of the audits A1 and A3."""
