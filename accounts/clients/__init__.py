"""Client applications: they hold keys, and act for users of their own whom they name by ids of their own."""
