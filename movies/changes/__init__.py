"""The history of movies: what staff changed, with the values before and after, and the undo of the last change."""
