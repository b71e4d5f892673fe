"""`python -m authservice` is the same as the command `authservice`."""

from authservice.cli import main

main()
