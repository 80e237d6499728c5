"""Off-policy learning of action values: replay, targets and one loop for all mixers."""
