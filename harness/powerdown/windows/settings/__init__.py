"""Each setting of Windows that bears on a shutdown, declared once.

Where it is, what it means, how it is read and set, which of its values are a risk.
"""
