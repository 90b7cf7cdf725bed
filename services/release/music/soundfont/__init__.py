"""SoundFont 2 files: sampled instruments that a label brings along, for where a genre wants natural ones."""
