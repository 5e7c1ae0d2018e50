"""What was found, on a terminal and as one HTML file; one input explained."""
