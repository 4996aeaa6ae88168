"""What the embedded services raise when they cannot do as asked."""


class EmbeddedServiceError(RuntimeError):
    """A service cannot be started or stopped; the message says why and what to do, for a person to read."""
