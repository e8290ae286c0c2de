"""Ways to reach people outside a turn: push, email."""
