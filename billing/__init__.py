"""Money: what is owed, what was promised, what was charged. Knows no channel, no Flask, no Rasa."""
