"""What ``mcp-rewind doctor`` looks at: whether a server with these settings can start and work here."""
