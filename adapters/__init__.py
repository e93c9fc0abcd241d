"""The outside: one technology per file."""
