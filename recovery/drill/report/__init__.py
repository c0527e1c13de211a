"""A drill's evidence for people: a page that stands by itself, and Markdown for a job's summary."""
