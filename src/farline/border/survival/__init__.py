"""What outlives the process: what is kept, and how the next process goes on."""
