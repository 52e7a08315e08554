"""The heart: runs one stream, on the standard library alone. Import public names from `api_models`."""
