"""Plays the host: a telephone company's billing portal with the payment assistant on it, as an embedder builds it."""
