"""Prints the public names of kazoo's recipes, client, retry and handlers, from their source."""
import ast
import pathlib
import sys

root = pathlib.Path(sys.argv[1])
names = set()


def public(name):
    return not name.startswith("_")


def attributes(cls):
    for node in cls.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
            for x in ast.walk(node):
                targets = x.targets if isinstance(x, ast.Assign) else [x.target] if isinstance(x, ast.AnnAssign) else []
                for t in targets:
                    for y in ast.walk(t):
                        if isinstance(y, ast.Attribute) and isinstance(y.value, ast.Name) and y.value.id == "self" and isinstance(y.ctx, ast.Store):
                            yield y.attr
        elif isinstance(node, ast.Assign):
            for t in node.targets:
                if isinstance(t, ast.Name):
                    yield t.id
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


for file in sorted([*root.glob("kazoo/recipe/*.py"), *root.glob("kazoo/handlers/*.py"), root / "kazoo/client.py", root / "kazoo/retry.py"]):
    module = ".".join(file.relative_to(root).with_suffix("").parts)
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.ClassDef) and public(node.name):
            names.add(module + "." + node.name)
            names.update(module + "." + node.name + "." + a for a in attributes(node) if public(a))
print("\n".join(sorted(names)))
