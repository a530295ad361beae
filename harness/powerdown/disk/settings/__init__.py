"""What a Windows at rest is set to do when it is to shut down."""
