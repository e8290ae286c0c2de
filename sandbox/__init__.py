"""A bank, a mailbox and a demo page in a box: what surrounds us in production, for demos and tests only.

Imports nothing of the service: everything goes over HTTP and SMTP, as with the real ones.
"""
