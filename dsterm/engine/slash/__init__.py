"""The slash commands that every front end has."""
