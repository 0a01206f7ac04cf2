"""Plug-ins for other people's evaluation tools: each module is imported by its tool alone."""
