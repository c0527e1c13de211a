"""
Whether a platform is ready for production: what is looked at live, one check a file (checks/).

Decision 48 says how checks are made and where this package stands.
"""
