"""What Kabinet tells of itself: alert rules, dashboards, and a picture of one trace."""
