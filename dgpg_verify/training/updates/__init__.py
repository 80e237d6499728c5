"""How one iteration changes the actors: losses, clipped and sequential updates."""
