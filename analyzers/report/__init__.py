"""The incident page: one HTML file that tells what happened, for people on call and those who ask afterwards."""
