"""Claims C4.1 to C4.5: whole training runs on cloud scheduling."""
