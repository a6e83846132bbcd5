"""Networks made smaller and faster: other formats, fewer bits."""
