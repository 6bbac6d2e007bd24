"""From files to ids: reading, checking, the vocabulary, the splits, and the library of named texts."""
