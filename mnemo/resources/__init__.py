"""What an agent can read: memories, projects, sessions and handoffs, each with an address."""
