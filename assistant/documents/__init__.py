"""Receipts and invoices as PDF, and the signed links that open them without a sign-in."""
