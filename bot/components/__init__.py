"""Rasa components of our own, named by path in config.yml."""
