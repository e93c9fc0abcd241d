"""The chain of operators, the way in, the journal, and what they ask of the outside."""
