"""A run and its folder: atomic files, cells that are measured once, workers, the record of the environment."""

from dgpg_verify.runs.cells import CellStore, cell_file, cell_files, cell_name, source_hash, unique_cells
from dgpg_verify.runs.workers import CellFailed, run_cells
