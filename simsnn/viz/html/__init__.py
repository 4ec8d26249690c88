"""Reports as one HTML file that reads nothing else: no network, no second file, everything a user wrote escaped."""
