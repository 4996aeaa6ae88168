"""Settings by topic, gathered in ``base``; ``local``, ``production`` and ``test`` extend it."""
