"""Run the command line: python -m robust_r1 COMMAND, or robust-r1 COMMAND once it is installed."""

import sys

from robust_r1.installation import start


def main() -> int:
    """Run one command and return its exit status."""
    return start("robust_r1.cli")


if __name__ == "__main__":
    sys.exit(main())
