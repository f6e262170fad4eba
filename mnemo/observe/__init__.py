"""What mnemo says about itself: logs and health."""
