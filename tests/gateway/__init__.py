"""The gateway: Debian's nginx with the files of deploy/gateway."""
