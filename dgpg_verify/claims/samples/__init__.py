"""Claims C3.1, C3.2 and audit A4: joint samples to a gap, and the constants behind the rate."""
