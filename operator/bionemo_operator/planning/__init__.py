"""Pure planning: what follows from a resource. No kopf, no Kubernetes client, no clock, no environment."""
