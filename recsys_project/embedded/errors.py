"""The error of the embedded services."""


class EmbeddedServiceError(RuntimeError):
    """A service cannot be started or stopped; the message tells the user why and what to do."""
