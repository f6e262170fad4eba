"""The Model Context Protocol, pure: no Twisted, no I/O, no clock."""
