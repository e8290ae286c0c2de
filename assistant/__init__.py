"""People and words: who is speaking, what they meant, how it is said. Shared by actions, webhook and worker."""
