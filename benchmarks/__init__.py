"""Speed and size, side by side with Rasa as it comes: `make bench`, explained in benchmarks/README.md."""
