"""The public face of mcp-rewind; import from here only."""
