"""Networks made smaller and faster: fewer channels, fewer bits."""
