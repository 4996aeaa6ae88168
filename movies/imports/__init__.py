"""Reading what others publish: MovieLens archives and metadata files.

Everything here but ``services``, ``metadata`` and ``lock`` is free of Django: an archive can be read without a
database (``open_archive``), for training and for evaluation.
"""
