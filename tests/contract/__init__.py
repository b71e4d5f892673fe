"""One file per operations module; each test runs on every backend."""
