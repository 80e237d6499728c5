"""Error rates of every verdict rule, measured on inputs whose answer is known."""
