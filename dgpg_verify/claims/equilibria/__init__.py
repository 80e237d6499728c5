"""Claims C2.1, C2.2 and audit A2: what adding guidance does to equilibria, and descent alignment."""
