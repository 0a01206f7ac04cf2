"""The named endpoints."""
