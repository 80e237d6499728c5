"""Claims C3.1 to C3.3 and audit A4: joint samples to a gap, and the constants behind the rate."""
