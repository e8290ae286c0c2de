"""Phone calls: what a caller keys in or says, what that means to the dialogue, and what is said and asked next."""
