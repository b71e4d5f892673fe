"""The login pages, as a person meets them: forms filled in by their labels, on the real service."""
