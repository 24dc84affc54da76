"""Evidence: rows of all studies, written as lines of JSON and queried where they lie."""
