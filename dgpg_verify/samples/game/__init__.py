"""Load-balancing games with entropy as problems to learn."""
