"""What providers' prompt caches had of the requests, why not more, and what that came to."""
