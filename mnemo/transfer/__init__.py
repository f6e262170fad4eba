"""How memories come in from elsewhere, and how they leave: files, other systems, exports."""
