"""From a profile to a stationary point: exact ascent, Newton steps, certified optima."""
