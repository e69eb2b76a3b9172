"""What can be attached: work trees, plain folders, files, revisions, bare repositories and URLs, listed and read."""
