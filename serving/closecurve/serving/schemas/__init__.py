"""What the API takes and gives: strict models at the edge, never passed to the floors below."""
