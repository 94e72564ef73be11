"""A run as one HTML page: read its folder, work out what to show, fill the template. Pure but for the reading."""
