"""The rules about users that several operations share: finding, attributes, passwords, codes, lockout."""
