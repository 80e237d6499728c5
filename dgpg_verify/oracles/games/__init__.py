"""One-shot games: by enumeration, in closed form, and by the conditions that equilibria satisfy."""
