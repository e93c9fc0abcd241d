"""The servers that are measured. Each file is run as a program of its own."""
