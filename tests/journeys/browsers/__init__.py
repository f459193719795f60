"""What browsers ask before and beside a page's own requests."""
