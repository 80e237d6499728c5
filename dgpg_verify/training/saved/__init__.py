"""The folder of a run: what is written during it, read back after it, and written for other packages."""
