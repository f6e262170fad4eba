"""Real clients against a real daemon; C{run} in this folder does it all."""
