"""What many memories come to together, found in the background."""
