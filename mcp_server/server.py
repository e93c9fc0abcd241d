"""``python -m mcp_server.server``: the same as ``mcp-rewind serve``."""

import sys

from mcp_server.cli import main

if __name__ == "__main__":
    sys.exit(main(["serve", *sys.argv[1:]]))
