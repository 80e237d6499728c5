"""Jobs: their laws, recorded traces, and how they are fitted to the fleet."""
