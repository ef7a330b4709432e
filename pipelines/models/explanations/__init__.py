"""What each input added to a prediction."""
