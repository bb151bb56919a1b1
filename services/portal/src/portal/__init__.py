"""portal: the web cabinet. So far its place, its health and a start page."""
