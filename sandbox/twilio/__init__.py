"""Twilio at the wire: its REST API, its signed webhooks, and the phones at the other end."""
