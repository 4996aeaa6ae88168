"""In which regions and on which days a movie is available; lists of a region leave out the others.

``models`` has the windows, ``selectors`` reads them, ``services`` and ``admin`` write them.
"""
