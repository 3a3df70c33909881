"""The Kubernetes operator: empty until its own work."""
