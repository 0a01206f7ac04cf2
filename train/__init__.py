"""Training: of full-size models by adapters, and of the bundled ones from random weights."""

import logging

# On processors with bfloat16 units bitsandbytes, which nothing here trains with but transformers
# imports, recommends a package at every start; an error's one line would not be the first then.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
