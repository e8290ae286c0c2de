"""The command line: `remit …`, one file a command group."""
