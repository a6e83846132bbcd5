"""A report as one page that needs nothing else: its parts, its pictures, its template."""
