"""How equilibria move with alpha: the shift law, thresholds, saddles, games with entropy."""
