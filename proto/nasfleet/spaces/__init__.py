"""Search spaces as data: decisions, the architectures that tokens choose, and the hash under which two spellings are one."""
