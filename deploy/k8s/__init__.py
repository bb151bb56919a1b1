"""What of deploy/k8s is made from other files, and the secrets of the dev overlay."""
