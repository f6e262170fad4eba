"""Systems of the same kind that mnemo is compared with, each behind the same few calls."""
