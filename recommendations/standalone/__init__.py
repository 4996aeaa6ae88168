"""The nightly pipeline on a file, into a folder: no web application, no database."""
