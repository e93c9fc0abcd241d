"""What can go wrong with the audit view; each says where and why."""


class UnreadableView(Exception):
    """There is no view that can be read."""


class UnwritableView(Exception):
    """The view cannot be kept up to date."""


class BusyView(UnwritableView):
    """Another process is building the view."""
