"""Everything that reads the past."""
