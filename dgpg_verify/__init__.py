"""Checks the theorems of Descent-Guided Policy Gradient empirically and exactly."""

# Set to 1 before numpy and torch load, as nothing here does: cells go through workers, and sums keep one order.
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
