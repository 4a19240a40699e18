"""Files of other people's programs: what a file, a column and a cell mean, worked out over the whole of it or refused."""
