"""``python -m mcp_server.server``: the same as ``mcp-rewind serve``."""

import argparse
import sys

from mcp_server.cli.serve import EPILOG, add_arguments, run


def main() -> int:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser("mcp_server.server", epilog=EPILOG)
    add_arguments(parser)
    return run(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
