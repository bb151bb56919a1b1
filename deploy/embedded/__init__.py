"""The whole of Kabinet on one machine: real servers and the services as production runs them, without containers."""
