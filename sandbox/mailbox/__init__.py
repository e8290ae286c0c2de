"""A mail server that keeps everything it is given, and shows it."""
