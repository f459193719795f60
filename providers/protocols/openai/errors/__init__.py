"""What a vendor's failure means: as a status with a body, or as an object inside an answer."""
