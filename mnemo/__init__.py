"""One daemon, one model, one memory for every coding agent on the machine."""

__version__ = "0.1.0"
