"""Import and export of movies as CSV and XLSX in the admin."""
