"""Text messages: what comes in, from whom, and what goes back. The dialogue is the chat's (assistant/dialogue)."""
