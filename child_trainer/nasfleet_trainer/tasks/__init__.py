"""How a child network is trained and measured: the protocol of a task, and the tasks that come with nasfleet."""
