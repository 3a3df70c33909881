"""The gRPC services: thin translations between messages and the runner or the store."""
