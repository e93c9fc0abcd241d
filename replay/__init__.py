"""Everything that reads the past: replay, divergence, timeline, audit queries."""
