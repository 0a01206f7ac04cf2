"""Training of the bundled models: encoder warm-up, answers, then reasoning chains."""
