"""Train the bundled models from random weights: the recipe with its fast passes."""
