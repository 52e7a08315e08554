"""Talking to a model in a terminal: what `api-models stream` and `api-models chat` are made of."""
