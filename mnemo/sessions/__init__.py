"""Who is connected, what each may use at once, and when one ends."""
