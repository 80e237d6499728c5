"""Linear-quadratic teams as problems to learn."""
