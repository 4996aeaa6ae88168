"""Runs the nightly pipeline on a file and writes a folder, without the web application and its database."""
