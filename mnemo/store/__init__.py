"""Where memories are kept, and how they are found."""
