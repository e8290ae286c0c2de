"""The banks' side of a payment: one protocol (base), one adapter a file."""
