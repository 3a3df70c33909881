"""Who calls and what they may do: tokens, rights and the guard that asks for both at every call."""
