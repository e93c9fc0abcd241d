"""What is raised when a setting is wrong."""


class SettingsError(ValueError):
    """A setting is wrong; says which, where, and what it may be."""
