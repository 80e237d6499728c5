"""Forms of the claim, the search for the smallest fleet that refutes one, and the certificate of each example."""
