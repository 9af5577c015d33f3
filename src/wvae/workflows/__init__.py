"""One file per command: what the command line does, as Python calls."""
