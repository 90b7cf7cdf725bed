"""The control panel: commands and buttons with which people look at the label and change it."""
