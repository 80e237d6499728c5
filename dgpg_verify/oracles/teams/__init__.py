"""Linear-quadratic teams: moments, learning curves and constants in closed form."""
