"""What every layer uses: errors, deadlines, outcomes, text from outside made printable."""
