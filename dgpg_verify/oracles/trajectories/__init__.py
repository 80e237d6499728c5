"""Systems of several steps, by enumerating every sequence of actions."""
