"""Claims C1.1 to C1.4: the variance of gradient estimators against the number of agents."""
