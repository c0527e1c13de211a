"""The sample platform: a recruiting product, which the twin's stack protects."""

PRODUCT = "Talentry"
"""The product's name. The frontend's page contains it, so a keyword monitor can look for it."""

VERSION = "2.9.0"
