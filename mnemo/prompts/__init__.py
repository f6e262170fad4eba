"""What a user can pick for an agent to do with the memory."""
