"""The dialogue engine's hands: each action finds out who asks, asks billing, and says it with the catalogue's words."""
