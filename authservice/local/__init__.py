"""Our own user pool: everything behind the seam when we answer ourselves.

`backend.py` is the way in. Nothing here knows Flask; nothing outside (but oauth/
and cli.py) knows this room.
"""
