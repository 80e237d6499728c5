"""Claim C6: DG-PG beside the methods that the paper names, property by property."""
