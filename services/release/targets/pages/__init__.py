"""The catalogue's pages: derived from the packages that stand in the folder, and from nothing else."""
