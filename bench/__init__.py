"""Measures the server beside others; ``python -m bench`` runs it."""
