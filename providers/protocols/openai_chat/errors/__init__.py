"""What a vendor's failures mean, as statuses, bodies or objects inside an answer."""
