"""Files and whole work trees saved before they change, and put back."""
