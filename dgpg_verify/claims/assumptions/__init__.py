"""Audits A1 and A3: what the paper assumes of the reference and of the influence."""
