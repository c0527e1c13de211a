"""The sample platform: the recruiting product that the twin's stack protects."""

PRODUCT = "Talentry"
"""What the frontend's page says, and what a monitor of it may look for."""

VERSION = "2.9.0"
