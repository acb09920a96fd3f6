"""What the tests of an nbgrader assignment ask: calls of a student's function that are compared with a value.

Tests are parsed and never run. A test that states a value becomes an input, since the author's solution gives the
value; one that asks for a property, or changes the notebook's names, is left to the author.
"""

import ast
import builtins
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from course_utils.grading.bank.importing.cells import used

MOST_TURNS = 50  # turns of a loop that become inputs
EQUAL = {"assert_equal", "assertEqual", "eq_", "assert_array_equal", "assert_equals", "assertListEqual"}
EQUAL |= {"assertDictEqual", "assertTupleEqual", "assertSetEqual", "assert_frame_equal", "assert_series_equal"}
PLACES = {"assert_almost_equal": 7, "assertAlmostEqual": 7, "assert_array_almost_equal": 6, "assert_approx_equal": 7}
CLOSE = {"assert_allclose": (1e-7, 0.0), "allclose": (1e-5, 1e-8), "isclose": (1e-5, 1e-8), "math": (1e-9, 0.0)}
TRUE, FALSE = {"assert_true", "assertTrue", "ok_"}, {"assert_false", "assertFalse"}
RAISES = {"assert_raises", "assertRaises", "raises"}
ARRAYS = {"array_equal", "array_equiv", "all"}
WRAPS = {"list", "tuple", "float", "array", "asarray", "int", "bool", "set", "dict"}  # comparing sees through them
GONE = ("nose",)  # packages of test functions that no longer install


@dataclass(frozen=True)
class Asked:
    """One test of one answer. arguments: as they are written in the call; None where the answer is no function."""

    name: str
    arguments: tuple[str, ...] | None
    keywords: tuple[tuple[str, str], ...] = ()
    tolerance: float = 0.0
    absolute: float = 0.0
    order: bool = True
    raises: str = ""
    needs: frozenset[str] = frozenset()


@dataclass
class Tests:
    """What a cell of tests asks, and what of it is left. helpers: imports and functions that the arguments need"""

    asked: list[Asked] = field(default_factory=list)
    left: list[tuple[int, str, str]] = field(default_factory=list)  # line, code, why
    helpers: list[str] = field(default_factory=list)


def read_tests(source: str, answers: set[str], known: set[str]) -> Tests:
    """What a cell of tests asks of the answers, names that solutions bind; known: names that the setup binds."""
    reader = _Reader(source, answers, known)
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError) as error:
        reader.found.left.append((1, source, f"it is no Python ({getattr(error, 'msg', error)})"))
        return reader.found
    reader.read(body)
    return reader.found


class _Skip(Exception):
    """Why a statement can't become an input."""


class _Reader:
    def __init__(self, source: str, answers: set[str], known: set[str]):
        self.source, self.answers = source, answers
        self.known = known | set(dir(builtins))
        self.values: dict[str, ast.expr] = {}  # names that the cell binds to expressions
        self.found = Tests()

    def read(self, body: list[ast.stmt]) -> None:
        for node in body:
            before = len(self.found.asked)
            try:
                self._statement(node)
            except _Skip as why:
                del self.found.asked[before:]
                self.found.left.append((node.lineno, self._text(node), str(why)))

    def _text(self, node: ast.AST) -> str:
        return ast.get_source_segment(self.source, node) or ast.unparse(node)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.FunctionDef():
                if used(node) & self.answers:
                    raise _Skip("a function of the tests calls the answer")
                self.known.add(node.name)
                self.found.helpers.append(self._text(node))
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                if name in self.answers:
                    raise _Skip(f"it binds {name!r} anew")
                self.values[name] = self._filled(value)
            case ast.Assert(test=test):
                self.found.asked += self._condition(self._filled(test))
            case ast.Expr(value=ast.Call() as call):
                self._call(node, call)
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.For(target=target, iter=over, body=body, orelse=[]):
                for turn in self._turns(target, over):
                    before, self.values = self.values, self.values | turn
                    try:
                        for one in body:
                            self._statement(one)
                    finally:
                        self.values = before
            case ast.With(items=[ast.withitem(ast.Call() as f)], body=[ast.Expr(value=one)]):
                if _last(f.func) not in RAISES or not f.args:
                    raise _Skip("it isn't a comparison with a value")
                self.found.asked.append(replace(self._of_call(self._filled(one)), raises=_last(f.args[0])))
            case ast.Try():
                self._try(node)
            case _:
                for name in {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}:
                    self.values.pop(name, None)  # it may have changed
                raise _Skip("it isn't a comparison with a value")

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        names = {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        self.known |= names
        if (getattr(node, "module", "") or node.names[0].name).partition(".")[0] not in GONE:
            self.found.helpers.append(self._text(node))

    def _call(self, node: ast.Expr, call: ast.Call) -> None:
        """A test function, `assert_equal(f(1), 2)`."""
        name, filled = _last(call.func), self._filled(call)
        assert isinstance(filled, ast.Call), "filling changes no call"
        arguments = filled.args
        if name in RAISES and len(arguments) >= 2:
            called = ast.Call(arguments[1], arguments[2:], filled.keywords)
            self.found.asked.append(replace(self._of_call(called), raises=_last(arguments[0])))
        elif name in EQUAL and len(arguments) >= 2:
            self.found.asked += self._equal(*arguments[:2])
        elif name in PLACES and len(arguments) >= 2:
            places = _number(arguments[2:3], filled.keywords, ("places", "decimal", "significant"), PLACES[name])
            self.found.asked += [replace(one, absolute=1.5 * 10.0**-places) for one in self._equal(*arguments[:2])]
        elif name in CLOSE and len(arguments) >= 2:
            self.found.asked += self._close(filled, *CLOSE[name])
        elif name in TRUE | FALSE and arguments:
            self.found.asked += self._condition(arguments[0])
        elif name == "print":
            pass
        else:
            for one in ast.walk(node):
                self.values.pop(getattr(one, "id", ""), None)  # it may have changed
            raise _Skip("it isn't a comparison with a value")

    def _try(self, node: ast.Try) -> None:
        """`try: f(0)`, `except ValueError: pass`, `else: raise AssertionError`."""
        kinds = [handler.type for handler in node.handlers]
        last = [one for one in (*node.body[1:], *node.orelse) if isinstance(one, (ast.Raise, ast.Assert))]
        if len(kinds) != 1 or kinds[0] is None or node.finalbody or not last or not isinstance(node.body[0], ast.Expr):
            raise _Skip("it isn't a comparison with a value")
        asked = self._of_call(self._filled(node.body[0].value))
        self.found.asked.append(replace(asked, raises=_last(kinds[0])))

    def _turns(self, target: ast.expr, over: ast.expr) -> Iterator[dict[str, ast.expr]]:
        """What a loop over plain values binds in each turn."""
        names = [target] if isinstance(target, ast.Name) else getattr(target, "elts", [])
        if not names or not all(isinstance(one, ast.Name) for one in names):
            raise _Skip("its loop can't be unrolled")
        try:
            values = list(islice(_iterated(self._filled(over)), MOST_TURNS + 1))
            if len(values) > MOST_TURNS:
                raise ValueError
            for value in values:
                parts = [value] if isinstance(target, ast.Name) else list(value)
                bound = zip(names, parts, strict=True)
                yield {one.id: ast.parse(repr(part), mode="eval").body for one, part in bound}
        except (ValueError, TypeError, SyntaxError, AttributeError):
            raise _Skip(f"its loop can't be unrolled: it isn't over {MOST_TURNS} plain values or fewer") from None

    def _condition(self, test: ast.expr) -> list[Asked]:
        """The tests in an assertion's condition."""
        match test:
            case ast.BoolOp(op=ast.And(), values=values):
                return [asked for value in values for asked in self._condition(value)]
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return [self._of_call(operand)]
            case ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[right]):
                return self._equal(left, right)
            case ast.Compare(ast.Call() as call, [ast.Lt() | ast.LtE()], [ast.Constant(value=bound)]):
                off = call.args[0] if _last(call.func) in ("abs", "fabs", "absolute") and call.args else None
                if isinstance(off, ast.BinOp) and isinstance(off.op, ast.Sub) and isinstance(bound, (int, float)):
                    return [replace(one, absolute=float(bound)) for one in self._equal(off.left, off.right)]
            case ast.Call() as call if _last(call.func) in CLOSE and len(call.args) >= 2:
                return self._close(
                    call, *CLOSE["math" if ast.unparse(call.func) == "math.isclose" else _last(call.func)]
                )
            case ast.Call() as call if _last(call.func) in ARRAYS and call.args:
                return self._equal(*call.args[:2]) if len(call.args) > 1 else self._condition(call.args[0])
            case ast.Call(func=ast.Attribute(value=ast.Call() as left, attr="equals"), args=[right]):
                return self._equal(left, right)  # of pandas
            case ast.Call(func=ast.Attribute(value=ast.Compare() as inside, attr="all")):
                return self._condition(inside)
            case ast.Call():
                return [self._of_call(test)]  # a truth value
        raise _Skip("it asks for a property of the answer, and not for a value")

    def _close(self, call: ast.Call, rtol: float, atol: float) -> list[Asked]:
        rtol = _number(call.args[2:3], call.keywords, ("rtol", "rel_tol"), rtol)
        atol = _number(call.args[3:4], call.keywords, ("atol", "abs_tol"), atol)
        return [replace(one, tolerance=rtol, absolute=atol) for one in self._equal(*call.args[:2])]

    def _equal(self, left: ast.expr, right: ast.expr) -> list[Asked]:
        """The answer's call on one side, a value on the other."""
        sides = [side for side in (left, right) if used(side) & self.answers]
        if len(sides) != 1:
            raise _Skip("it compares answers with each other" if sides else "it tests nothing that a solution binds")
        side, order, absolute = sides[0], True, 0.0
        while isinstance(side, ast.Call) and side.args and _last(side.func) not in self.answers:
            wrap = _last(side.func)
            if wrap == "round":
                absolute = 0.5 * 10.0 ** -_number(side.args[1:2], side.keywords, ("ndigits",), 0)
            elif wrap == "sorted" and len(side.args) == 1 and not side.keywords:
                order = False
            elif wrap not in WRAPS:
                break
            side = side.args[0]
        asked = self._of_call(side)
        return [replace(asked, order=order, absolute=absolute)]

    def _of_call(self, node: ast.expr) -> Asked:
        """The answer that is called, and with what; or the answer itself, where it is a value."""
        if isinstance(node, ast.Name) and node.id in self.answers:
            return Asked(node.id, None)
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in self.answers):
            raise _Skip("it asks for a property of the answer, and not for a value")
        parts = [*node.args, *(keyword.value for keyword in node.keywords)]
        if any(isinstance(one, ast.Starred) for one in parts) or any(keyword.arg is None for keyword in node.keywords):
            raise _Skip("its arguments are unpacked")
        needs = set().union(*(used(one) for one in parts)) if parts else set()
        if unknown := needs - self.known - self.answers:
            raise _Skip(f"its arguments need {', '.join(sorted(unknown))}, which isn't a plain value")
        keywords = tuple((str(keyword.arg), ast.unparse(keyword.value)) for keyword in node.keywords)
        return Asked(node.func.id, tuple(map(ast.unparse, node.args)), keywords, needs=frozenset(needs & self.answers))

    def _filled(self, node: ast.expr) -> ast.expr:
        """The expression with the cell's own values in the place of their names."""
        return _Fill(self.values).visit(copy.deepcopy(node))


class _Fill(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, ast.expr]):
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """The value in a name's place."""
        return copy.deepcopy(self.values.get(node.id, node)) if isinstance(node.ctx, ast.Load) else node


def _iterated(node: ast.expr) -> Iterator:
    """What a loop goes over, where that is plain: a literal, range, zip, enumerate or items of these."""
    if isinstance(node, ast.Call):
        name, parts = _last(node.func), node.args
        if name == "range":
            return iter(range(*(ast.literal_eval(one) for one in parts)))
        if name == "zip":
            return zip(*map(_iterated, parts), strict=False)
        if name == "enumerate":
            return enumerate(_iterated(parts[0]), *(ast.literal_eval(one) for one in parts[1:]))
        if isinstance(node.func, ast.Attribute) and name == "items" and not parts:
            return iter(ast.literal_eval(node.func.value).items())
    return iter(ast.literal_eval(node))


def _last(node: ast.AST) -> str:
    """The last part of a name with dots, `np.testing.assert_allclose`."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _number(given: list[ast.expr], keywords: list[ast.keyword], names: tuple[str, ...], default: float) -> float:
    """A number that a call is given, by place or by keyword."""
    found = [*given[:1], *(keyword.value for keyword in keywords if keyword.arg in names)]
    try:
        return float(ast.literal_eval(found[0])) if found else default
    except (ValueError, TypeError):
        raise _Skip("its tolerance isn't a plain number") from None
