"""Double deep Q-learning: what is remembered, what is learned from it, how episodes are played, what an agent is worth."""
