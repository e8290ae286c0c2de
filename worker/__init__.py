"""What happens behind the conversation: letters, pushes, status queries, expiry. `python -m worker`."""
