"""Faults: what goes on around the service goes wrong, and what the guests were told stays true.

Every test runs real processes of the service on a real database, with guests at work; afterwards the walk of
`authservice db check` finds nothing.
"""
