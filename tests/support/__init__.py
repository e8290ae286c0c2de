"""What several test packages share: fakes with memory, builders with defaults."""
