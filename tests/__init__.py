"""The tests mirror the rooms of authservice/; what they start for themselves is in services/."""
