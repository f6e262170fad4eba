"""What an agent can call: an attrs class a tool, one module a family."""
