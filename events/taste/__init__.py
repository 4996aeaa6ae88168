"""A person's taste from other places: files of other sites, matched with the catalogue, shown, and then recorded."""
