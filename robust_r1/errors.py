"""The few kinds of error that the library raises.

The text of each is one sentence for the person who brought the input: what was wrong and how to
mend it. The command line prints it and exits with 2, the page shows it in a toast.
"""


class RobustR1Error(Exception):
    """Report bad input or a failed step in one sentence that says how to mend it."""


class InputError(RobustR1Error):
    """Report a value that does not fit: a name, an intensity, a plan, a setting, a question."""


class ImageError(RobustR1Error):
    """Report a picture that cannot be read, or that lies outside the bounds on bytes or pixels."""


class ModelError(RobustR1Error):
    """Report a model that cannot be found, loaded or run."""


class DataError(RobustR1Error):
    """Report a data file with a broken record; the text names the file and the line."""
