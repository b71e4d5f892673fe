"""The scripts, run as a user runs them: from the shell."""
