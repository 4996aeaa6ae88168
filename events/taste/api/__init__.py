"""The interface of taste imports over HTTP."""
