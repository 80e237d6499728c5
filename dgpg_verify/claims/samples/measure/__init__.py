"""Cells on samples: learning runs, floors, constants, controls, cloud scheduling."""
