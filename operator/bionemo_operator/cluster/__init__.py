"""The only code that talks to Kubernetes: requests, watches, the lease, and what is seen of the cluster."""
