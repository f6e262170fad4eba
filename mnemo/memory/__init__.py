"""What mnemo knows how to do with memories: remember, recall, amend, forget."""
