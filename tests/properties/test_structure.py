"""The structure of the package: short functions, one name per module, tests that mirror it."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE, TESTS = ROOT / "skflow", ROOT / "tests"
MODULES = sorted(PACKAGE.rglob("*.py"))
MAX_LINES = 40
MAX_ENTRIES = 14
# Test files that are not of a single module, by chapter.
UNMATCHED = {
    "flows": {"bijections/test_contract.py"},
}
CHAPTERS = sorted(
    path.name for path in PACKAGE.iterdir() if path.is_dir() and (TESTS / path.name).is_dir()
)


def relative(path):
    return path.relative_to(PACKAGE).as_posix()


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def n_code_lines(function, lines):
    """Lines of a function without its docstring, blank lines and comments."""
    numbers = set(range(function.lineno, function.end_lineno + 1))
    if ast.get_docstring(function) is not None:
        numbers -= set(range(function.body[0].lineno, function.body[0].end_lineno + 1))
    stripped = (lines[number - 1].strip() for number in numbers)
    return sum(bool(line) and not line.startswith("#") for line in stripped)


def only_stores(function):
    """Whether an `__init__` only assigns attributes of self, or calls that of its base class."""
    body = function.body[ast.get_docstring(function) is not None :]
    return function.name == "__init__" and all(
        ast.unparse(statement).startswith(("self.", "super().__init__("))
        and isinstance(statement, (ast.Assign, ast.Expr))
        for statement in body
    )


def long_functions(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    for node in ast.walk(parse(path)):
        if (
            isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            and n_code_lines(node, lines) > MAX_LINES
            and not only_stores(node)
        ):
            yield f"{relative(path)}:{node.name}"


def test_functions_are_short():
    assert [name for path in MODULES for name in long_functions(path)] == []


def test_modules_have_different_names():
    """Except a display, which may share the name of its estimator."""
    places = defaultdict(set)
    for path in MODULES:
        if path.stem != "__init__":
            places[path.stem].add(relative(path.parent))
    shared = {name: where for name, where in places.items() if len(where) > 1}
    assert {name: where for name, where in shared.items() if where != DISPLAY} == {}


DISPLAY = {"estimators", "plotting"}


def test_the_package_has_few_entries():
    entries = {path.name for path in PACKAGE.iterdir()} - {
        "__init__.py",
        "py.typed",
        "__pycache__",
    }
    assert len(entries) <= MAX_ENTRIES, sorted(entries)


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_every_module_has_a_docstring(path):
    empty = path.name == "__init__.py" and not path.read_text(encoding="utf-8").strip()
    assert empty or ast.get_docstring(parse(path))


def has_module(test):
    """Whether the name of a test file is that of a module of its chapter, or begins with it."""
    folder = PACKAGE / test.parent.relative_to(TESTS)
    subject = test.stem.removeprefix("test_")
    modules = {path.stem for path in folder.iterdir()} if folder.is_dir() else set()
    return any(subject == name or subject.startswith(f"{name}_") for name in modules)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_test_file_names_a_module(chapter):
    tests = (TESTS / chapter).rglob("test_*.py")
    unmatched = {
        test.relative_to(TESTS / chapter).as_posix() for test in tests if not has_module(test)
    }
    assert unmatched <= UNMATCHED.get(chapter, set())


def test_the_checks_of_this_file_see_faults(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    module = tmp_path / "toy.py"
    body = "\n".join(f"    x{k} = {k}  # a line\n\n    # a comment" for k in range(40))
    module.write_text(f"def long():\n    'A docstring'\n{body}\n")
    assert list(long_functions(module)) == ["toy.py:long"]  # 40 lines, and the first one
    module.write_text(f"def short():\n    'A docstring'\n{body.replace('    x0 = 0', '')}\n")
    assert list(long_functions(module)) == []
    stores = body.replace("    x", "    self.x")
    module.write_text(f"class A:\n  def __init__(self):\n{stores}\n")
    assert list(long_functions(module)) == []
    module.write_text(f"class A:\n  def __init__(self):\n{stores}\n    print()\n")
    assert list(long_functions(module)) == ["toy.py:__init__"]
