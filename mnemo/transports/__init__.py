"""How messages reach L{mnemo.mcp}."""
