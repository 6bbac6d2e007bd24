"""What a run leaves on disk: files that hold only numbers and JSON, written whole or not at all."""
