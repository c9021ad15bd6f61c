"""A dataset -> a trained reference network and what it reads; the only room that knows torch."""
