"""The error of a sheet that cannot be read."""


class SheetError(Exception):
    """The file is no sheet that can be imported; the message is for staff."""
