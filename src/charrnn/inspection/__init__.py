"""What looks into a trained model: what its units follow, and how a text runs through them."""
