"""Tables, figures and the page of a run, drawn from files alone; nothing here runs an experiment."""

from dgpg_verify.reporting.ledger import ledger_markdown, read_ledger, terminal_table, write_ledger
from dgpg_verify.reporting.matrix import claim_matrix, matrix_lines
from dgpg_verify.reporting.records import (
    TABLES,
    VARIANCE_COLUMNS,
    read_records,
    write_records,
    write_variance_csv,
)
from dgpg_verify.reporting.report import page_path, write_report
from dgpg_verify.reporting.summary import ClaimSummary, claim_summary
