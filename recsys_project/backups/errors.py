"""What stops a backup or a restore."""


class BackupError(Exception):
    """The backup or restore cannot continue; the message says why, and what to do."""
