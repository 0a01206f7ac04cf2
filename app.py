"""Serve the page: python app.py [--model M ...] [--host H] [--port P] [--share] [--mcp]
[--root-path PREFIX] [--auth FILE] [--one-notebook] [--keep-shared DAYS] [--quantize Q]
[--max-pixels N].

The same as `python -m robust_r1 page`, and the entry point of a Hugging Face Space.
"""

import sys

from robust_r1.installation import start

if __name__ == "__main__":
    sys.exit(start("robust_r1.commands.page"))
