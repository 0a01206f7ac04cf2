"""What the commands of training stand on, for full-size and for bundled models alike."""
