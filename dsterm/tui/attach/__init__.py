"""The attach screen: what of a source goes into the window, as a tree to tick. Loaded when it is opened, never before."""
