"""The catalogue's imports: what ``movies.movielens`` reads, stored in the database, and what import commands share."""
