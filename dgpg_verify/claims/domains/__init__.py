"""Predictions on other domains than the paper's: written down before measuring, then judged."""
