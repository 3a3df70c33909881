"""The controller service: it proposes architectures, leases them to trainers, learns from what comes back, keeps it all."""
