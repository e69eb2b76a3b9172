"""Attaching what the user names: counting it, choosing of it, writing it into the conversation, telling what changed."""
