"""What only the crypto room can show: published vectors, forgeries, and that one changed bit is a refusal."""
