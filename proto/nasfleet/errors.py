"""What can go wrong, one class per thing a caller can do about it; each program translates them once, at its edge."""


class NasfleetError(Exception):
    """The message names the value that was wrong and the fix; people read it as it is."""


class InvalidInputError(NasfleetError):
    """What was given is wrong: change it and try again."""


class NotFoundError(NasfleetError):
    """What was named is not there: name another or create it."""


class ConflictError(NasfleetError):
    """What was asked for does not fit the present state: change that state first."""


class UnavailableError(NasfleetError):
    """Something that is needed does not answer: try again later."""


class TooOftenError(NasfleetError):
    """It was asked for more than it may be: wait, then try again."""


class UnauthenticatedError(NasfleetError):
    """Nobody knows who asks: send a valid token."""


class ForbiddenError(NasfleetError):
    """Who asks may not do that: have the rights, the quota or the rule changed that forbids it."""
