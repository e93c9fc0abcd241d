"""What is decided: one decision per file, each an operator on the stream of events."""
