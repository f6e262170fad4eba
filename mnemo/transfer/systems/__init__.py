"""The stores of other systems, read without being changed: one module a system."""
