"""The catalogue in the admin. Importing this package registers its pages.

The pages of availability, history, sheets, merges and deletions are in their own packages of this app.
"""

from movies.admin.catalogue import MovieAdmin

__all__ = ["MovieAdmin"]
