"""The one way from a picture, a plan and a question to a scored, storable answer."""
