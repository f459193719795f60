"""What every route of the API needs: who calls, how much they may, errors, and bounded threads."""
