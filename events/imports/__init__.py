"""Loading MovieLens ratings, tags and the people they come from."""
