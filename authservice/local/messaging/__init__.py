"""Messages to users: what they say (templates), where they wait (outbox), how they leave (delivery).

Does not own codes or passwords: accounts/ and operations/ make them and post them here.
"""
