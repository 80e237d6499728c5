"""Claim C5: what guidance adds to the base method in time and memory."""
