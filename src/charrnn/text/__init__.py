"""From files to ids: reading, checking, the vocabulary, the splits, and the texts that have names."""
