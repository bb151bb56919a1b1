"""portal: the web cabinet, the pages that customers see."""
