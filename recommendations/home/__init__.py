"""The page of rows: one person's list and what is the same for everyone, on one page without repetitions."""
