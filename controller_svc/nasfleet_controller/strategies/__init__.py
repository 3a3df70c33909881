"""How a search proposes architectures and learns from their rewards; torch is imported by what learns, and by nothing else."""
