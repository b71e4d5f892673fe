"""The strong room: pure functions over bytes, each from the RFC or guide its module names.

Nothing of ours is imported here, and nothing here knows of pools, users, rows or requests. Time comes in as
an argument. The cryptographic libraries are met in this room alone, so that changing one changes one file.
"""
