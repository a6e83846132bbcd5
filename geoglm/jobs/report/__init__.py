"""``geoglm report``: one page that tells what a folder of results holds and how it came about."""
