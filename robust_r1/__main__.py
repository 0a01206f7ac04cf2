"""Run the command line: python -m robust_r1 COMMAND."""

import sys

from robust_r1.cli import main

if __name__ == "__main__":
    sys.exit(main())
