"""What docker-compose.yml needs beside images: secrets made first, the topics job, a container's health."""
