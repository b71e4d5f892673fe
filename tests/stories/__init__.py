"""Whole journeys, by the clients that people use."""
