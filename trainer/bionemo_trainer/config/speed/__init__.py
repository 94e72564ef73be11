"""How long a step would take on a layout, estimated before a GPU is taken. Reads nothing, measures nothing."""
