"""What comes of runs, put together: figures, tables, and the files that people take away."""
