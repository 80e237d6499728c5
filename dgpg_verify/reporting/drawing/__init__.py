"""What all figures share: style, axes, marks, selection of records, saving."""
