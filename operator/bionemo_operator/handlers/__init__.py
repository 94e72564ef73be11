"""The only kopf handlers: each takes in an event and wakes a key; what follows is decided by passes, not by events."""
