"""Tests of what is derived from memories."""
