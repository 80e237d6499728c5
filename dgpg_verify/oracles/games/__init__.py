"""Load-balancing games: by enumeration and in closed form."""
