"""Which code is refused in a fix and in its test, before anything is run."""

import pytest

from services.error_analyzer.domain import InvalidFix
from services.error_analyzer.repair.code_rules import Around, judge_change, judge_test
from tests.support.repositories import TEST_CODE, TEST_PATH

AROUND = Around(
    changed=frozenset({"services.shop.prices"}),
    modules=frozenset(
        {"services", "services.shop", "services.shop.prices", "services.shop.till", "services.shop.admin"}
    ),
    imported=frozenset({"services.shop.prices", "services.shop.till"}),
)


@pytest.mark.parametrize(
    "added",
    [
        "import os\nx = os.environ['KEY']",
        "import os as o\nx = o.getenv('KEY')",
        "from os import environ as e",
        "import os\nx = getattr(os, 'environ')",
        "import os\nx = getattr(os, 'env' + 'iron')",
        "import os\nos.system('ls')",
        "import os\nos._exit(0)",
        "import os\nx = os",
        "import logging\nx = logging.os.environ",
        "from logging import os",
        "import socket",
        "from urllib.request import urlopen",
        "import http.client",
        "import ssl, subprocess",
        "import asyncio\nx = asyncio.open_connection",
        "import sys\nsys.modules.clear()",
        "import sys\nsys.exit(0)",
        "import importlib",
        "import ctypes",
        "import pickle",
        "import shutil\nshutil.rmtree('x')",
        "from anywhere import *",
        "x = eval('1')",
        "exec('1')",
        "x = __import__('o' + 's')",
        "x = ().__class__.__bases__[0].__subclasses__()",
        "def f(): pass\nx = f.__globals__",
        "x = globals()",
        "x = __builtins__",
        "x = open('x', 'w')",
        "x = open('x', mode='a')",
        "def f(m): return open('x', m)",
        "x = open('/proc/self/environ')",
        "x = open('~/.netrc')",
        "import pathlib\npathlib.Path('x').write_text('y')",
        "import pathlib\npathlib.Path('x').unlink()",
        "try:\n    x = 1\nexcept Exception:\n    pass",
        "try:\n    x = 1\nexcept:\n    x = 2",
        "try:\n    x = 1\nexcept (KeyError, BaseException):\n    x = None",
        "import contextlib\nwith contextlib.suppress(Exception):\n    x = 1",
    ],
)
def test_a_fix_newly_does_nothing_that_no_repair_needs(added: str) -> None:
    before = "import logging\n\nx = 0\n"
    with pytest.raises(InvalidFix, match=r"^services/a\.py: it newly "):
        judge_change("services/a.py", before, before + added + "\n")
    judge_change("services/a.py", before + added + "\n", "y = 1\n" + before + added + "\n")


@pytest.mark.parametrize(
    "added",
    [
        "if not x:\n    raise ValueError('no x')",
        "import os.path\nx = os.path.join('a', 'b')",
        "from urllib.parse import quote",
        "from http import HTTPStatus",
        "try:\n    x = {}['a']\nexcept KeyError:\n    x = None",
        "try:\n    x = 1\nexcept Exception as error:\n    raise ValueError('x') from error",
        "x = getattr(x, 'name', None)",
        "with open('names.txt') as file:\n    x = file.read()",
        "x = type(x).__name__",
        "import re\nx = re.compile('a')",
        "from collections import Counter\nfrom datetime import UTC",
        "import io\nx = io.StringIO()",
        "x = x.replace('a', 'b').replace(tzinfo=None)",
        "x = '{}, {name}'.format(x, name=x)",
        "from services.shop.till import y",
        "from services.shop import till",
        "from .shop.till import y",
        "try:\n    x = 1\nfinally:\n    for y in x:\n        break",
        "try:\n    x = 1\nexcept BaseException:\n    x = 2\n    raise",
        "import contextlib\nwith contextlib.suppress(KeyError):\n    x = 1",
        "class A:\n    def __exit__(self, *a):\n        return None",
        "x = x.__class__.__name__",
        "from pathlib import PurePosixPath\nx = PurePosixPath('/a') / 'b'",
    ],
)
def test_what_repairs_do_need_is_allowed(added: str) -> None:
    judge_change("services/a.py", "x = 0\n", f"x = 0\n{added}\n", AROUND)


def test_a_file_that_reads_the_environment_already_may_be_repaired_elsewhere() -> None:
    before = "import os\nKEY = os.environ['KEY']\n\ndef half(x):\n    return x / 0\n"
    judge_change("services/a.py", before, before.replace("/ 0", "/ 2"))
    with pytest.raises(InvalidFix, match=r"os\.environ"):
        judge_change("services/a.py", before, before + "OTHER = os.environ['OTHER']\n")


def test_what_is_no_python_after_the_change_is_refused() -> None:
    with pytest.raises(InvalidFix, match="it is no Python"):
        judge_change("services/a.py", "x = 1\n", "x = = 1\n")


@pytest.mark.parametrize(
    "code",
    [
        "x = 1\n",
        "def test_it(:\n",
        "import pytest\n\n@pytest.mark.skip\ndef test_it(): assert 0\n",
        "import pytest\n\n@pytest.mark.xfail\ndef test_it(): assert 0\n",
        "import pytest\n\ndef test_it(): pytest.exit('done', 0)\n",
        "from pytest import skip\n\ndef test_it(): skip('x')\n",
        "import pytest\npytestmark = pytest.mark.asyncio\n\ndef test_it(): assert 0\n",
        "import sys\n\ndef test_it(): sys.exit(0)\n",
        "def test_it(): raise SystemExit(0)\n",
        "def test_it(): exit(0)\n",
        "import os\n\ndef test_it(): os._exit(0)\n",
        "def pytest_runtest_call(item): item.obj = print\n\ndef test_it(): assert 0\n",
        "from _pytest import runner\n\ndef test_it(): assert 0\n",
        "import socket\n\ndef test_it(): socket.socket()\n",
        "import pathlib\n\ndef test_it(): pathlib.Path('x').unlink()\n",
        "def test_it():\n    assert open('/home/ana/.ssh/id_rsa')\n",
    ],
)
def test_a_test_tests_and_does_nothing_else(code: str) -> None:
    with pytest.raises(InvalidFix):
        judge_test(TEST_PATH, code)


def test_a_test_may_use_what_tests_are_made_of() -> None:
    judge_test(
        TEST_PATH,
        "import asyncio\nimport pytest\n\n\nasync def test_it(tmp_path, monkeypatch):\n"
        "    monkeypatch.setenv('A', 'b')\n    (tmp_path / 'x').write_text('y')\n"
        "    with pytest.raises(KeyError):\n        {}['a']\n",
    )


@pytest.mark.parametrize(
    "source",
    [
        b"# -*- coding: utf-7 -*-\nx = 1\n",
        b"#!/usr/bin/env python\n# vim: set fileencoding=rot13 :\nx = 1\n",
        b"#coding=latin-1\nx = 1\n",
        b"\xef\xbb\xbfx = 1\n",
        b"x = 1\n\x0cy = 2\n",
        b"x = '\xe9'\n",
        b"x = 1 # \xe2\x80\xae\n",
        b"# a\r# coding: utf-7\nx = 1\n",
    ],
)
def test_what_python_could_read_otherwise_than_the_rules_is_refused(source: bytes) -> None:
    plain = b"x = 0\n"
    for before, after in ((plain, source), (source, plain)):
        with pytest.raises(InvalidFix, match=r"encoding|control characters|UTF-8"):
            judge_change("services/a.py", before, after)
    with pytest.raises(InvalidFix, match=r"encoding|control characters|UTF-8"):
        judge_test(TEST_PATH, source + b"def test_it(): assert x\n")
    judge_change("services/a.py", plain, b"# coding: utf-8\nx = 1\n")


@pytest.mark.parametrize(
    "added",
    [
        "l = logging\nx = l.os.environ",
        "x = [logging][0].os.system",
        "x = (l := logging).os",
        "x = '{0.os.environ}'.format(x)",
        "x = f'{{0.os.environ}}'.format_map(x)",
        "x = '{0[a].os}'",
        "x = ('{0' + '.os}').format(x)",
        "import operator\nx = operator.attrgetter('a.b')(x)",
        "from operator import methodcaller",
        "x = getattr(getattr(x, 'os'), 'environ')",
        "x = getattr(x, 'unlink')",
        "g = getattr\nx = g(x, 'y')",
        "x = map(getattr, x)",
        "import random\nx = random._os",
        "import random\nx = random._urandom",
        "from tempfile import _os",
        "from random import _os as o",
        "from .helper import os",
        "x = x.system('ls')",
        "x = x.popen",
        "x = x.spawnv",
        "x = x.fork()",
        "x = x.environb",
        "x = x._sys",
        "x = x.__class__.mro()",
        "x = x.__init__.__func__",
        "x = 'logging.os.environ'",
        "x = 'os:environ'",
        "match x:\n    case object(os=y):\n        pass",
        "class A:\n    __match_args__ = ('os',)",
        "x = print(logging)",
        "import typing\nx = typing.get_type_hints(x)",
        "import os.path as p\nx = p.expanduser('x')",
    ],
)
def test_no_way_leads_from_a_value_to_the_system(added: str) -> None:
    before = "import logging\n\nx = 0\n"
    with pytest.raises(InvalidFix, match=r"^services/a\.py: it newly "):
        judge_change("services/a.py", before, before + added + "\n", AROUND)


@pytest.mark.parametrize(
    "added",
    [
        "from asyncio import create_subprocess_shell",
        "from asyncio import open_connection as o",
        "from asyncio import start_server",
        "x = asyncio.create_subprocess_exec",
        "x = concurrent.futures.ProcessPoolExecutor()",
        "from concurrent.futures import ProcessPoolExecutor as P",
        "from concurrent.futures import process",
        "import multiprocessing",
        "import logging.handlers",
        "from logging import handlers",
        "from logging import config as c",
        "x = logging.handlers.SocketHandler('h', 1)",
        "x = logging.FileHandler('x')",
        *(
            f"import {name}"
            for name in [
                "grpc",
                "asyncpg",
                "timeit",
                "cProfile",
                "pydoc",
                "venv",
                "site",
                "sqlite3",
                "fileinput",
            ]
        ),
        "import tempfile",
        "import pathlib",
        "from pathlib import Path",
        "import numpy",
        "import services.shop.admin",
        "from services.shop import admin",
        "from .shop import admin",
        "import services.other",
        "async def f(loop): await loop.getaddrinfo('h', 1)",
        "async def f(loop): await loop.sock_connect(1, 2)",
    ],
)
def test_a_fix_imports_plain_modules_and_what_is_imported_already(added: str) -> None:
    before = "import asyncio\nimport concurrent.futures\nimport logging\n\nx = 0\n"
    with pytest.raises(InvalidFix, match=r"^services/a\.py: it newly "):
        judge_change("services/a.py", before, before + added + "\n", AROUND)


@pytest.mark.parametrize(
    "added",
    [
        "o = open",
        "x = open(**x)",
        "x = open(*x)",
        "import io\nx = io.open('x', 'w')",
        "from io import open as o\nx = o('x', 'w')",
        "x = codecs.open('x', 'w')",
        "x = gz.open('x', 'wb')",
        "x = gz.open\ny = x('x', 'w')",
        "x = Path('x').open('w')",
        "x = Path.open(x, 'w')",
        "x = Path('x').open",
        "x = Path('x').write_text",
        "x = Path('x').rename('y')",
        "x = Path('x').replace('y')",
        "x = x.replace(target='y')",
        "x = x.replace",
        "x = Path.unlink",
        "x = open('.env')",
        "x = open('conf/db_password.txt')",
        "x = open('../../other')",
        "x = open('/' + 'etc/shadow')",
        "x = Path('/', 'etc', 'shadow')",
        "x = Path('a') / '/etc/shadow'",
        "x = Path('a').joinpath('.netrc')",
        "x = open('//etc/shadow')",
        "x = Path.home() / 'x'",
    ],
)
def test_a_fix_opens_no_file_to_write_and_none_of_others(added: str) -> None:
    before = "import codecs\nimport gzip as gz\nfrom pathlib import Path\n\nx = 0\n"
    with pytest.raises(InvalidFix, match=r"^services/a\.py: it newly "):
        judge_change("services/a.py", before, before + added + "\n", AROUND)


@pytest.mark.parametrize(
    "added",
    [
        "def f():\n    try:\n        x = 1\n    finally:\n        return 2",
        "for y in x:\n    try:\n        x = 1\n    finally:\n        break",
        "for y in x:\n    try:\n        x = 1\n    finally:\n        if y:\n            continue",
        "try:\n    x = 1\nexcept Exception:\n    if False:\n        raise",
        "try:\n    x = 1\nexcept Exception:\n    def f():\n        raise",
        "def f():\n    try:\n        x = 1\n    except Exception:\n        return 1\n        raise",
        "E = Exception\ntry:\n    x = 1\nexcept E:\n    x = 2",
        "try:\n    x = 1\nexcept (lambda: Exception)():\n    x = 2",
        "try:\n    x = 1\nexcept* Exception:\n    x = 2",
        "class A:\n    def __exit__(self, *a):\n        return True",
        "class A:\n    async def __aexit__(self, *a):\n        return not a",
        "class A:\n    __exit__ = lambda *a: True",
        "from contextlib import suppress as s\nwith s(Exception):\n    x = 1",
        "import contextlib\nwith contextlib.suppress(KeyError, BaseException):\n    x = 1",
        "import contextlib\nwith contextlib.suppress(*x):\n    x = 1",
        "import contextlib\ns = contextlib.suppress",
    ],
)
def test_a_fix_hides_no_errors(added: str) -> None:
    with pytest.raises(InvalidFix, match=r"^services/a\.py: it newly "):
        judge_change("services/a.py", "x = 0\n", f"x = 0\n{added}\n")


@pytest.mark.parametrize("after", ["# x\n", '"""Doc."""\n', "pass\n", "'a text'\n", "\n\n"])
def test_comments_alone_are_no_fix(after: str) -> None:
    before = "def f(x):\n    return 1 / x\n"
    with pytest.raises(InvalidFix, match="nothing but comments"):
        judge_change("services/a.py", before, after + before)


def test_what_is_nested_too_deeply_to_be_judged_is_refused() -> None:
    deep = "+".join(["1"] * 3_000)
    for code in (f"x = {deep}\n", f"try:\n    x = 1\nexcept Exception:\n    x = {deep}\n    raise\n"):
        with pytest.raises(InvalidFix, match=r"deep|recursion"):
            judge_change("services/a.py", code, code + "y = 1\n")


@pytest.mark.parametrize(
    "body",
    [
        "assert 'if not' in open('services/shop/prices.py').read()",
        "assert open('services/shop/' + 'prices.p' + 'y')",
        "assert prices.__file__",
        "assert prices.average.__doc__ == 'x'",
        "import inspect; assert inspect.getsource(prices)",
        "assert __file__",
        "assert 1 == 2",
        "import unittest; raise unittest.SkipTest",
        "getattr(pytest, 'skip')()",
        "monkeypatch.setattr('builtins.open', None)",
        "monkeypatch.setattr('os.environ', {})",
        "monkeypatch.setattr(os, 'environ', {})",
        "monkeypatch.setattr(pytest, 'exit', None)",
        "monkeypatch.setitem(sys.modules, 'json', None)",
        "monkeypatch.syspath_prepend('x')",
        "pytest_runtest_call = print",
        "import conftest",
        "request.config.pluginmanager.register(prices)",
        "request.node.add_marker('x')",
        "import tempfile; tempfile._os.fork()",
        "from logging.handlers import SocketHandler",
        "from os.path import expandvars",
        "import services.shop.admin",
    ],
)
def test_a_test_shows_what_changed_code_does_by_plain_means(body: str) -> None:
    used = "" if body == "assert 1 == 2" else "    assert prices.average([]) == 0\n"
    imports = "import os, sys\nimport pytest\nfrom services.shop import prices\n"
    code = f"{imports}\n\ndef test_it(monkeypatch, request):\n    {body}\n"
    with pytest.raises(InvalidFix):
        judge_test(TEST_PATH, code + used, AROUND)


@pytest.mark.parametrize(
    "code",
    [
        TEST_CODE,
        "from services.shop import prices as p\n\n\ndef test_it(): assert p.average([]) == 0\n",
        "import services.shop.prices\n\n\ndef test_it(): assert services.shop.prices.average([]) == 0\n",
        "from services.shop import average\n\n\ndef test_it(): assert average([]) == 0\n",
        "from services.shop import prices\n\n\ndef test_it(monkeypatch):\n"
        "    monkeypatch.setattr(prices, 'total', lambda prices: 1)\n    assert prices.average([]) == 0\n",
    ],
)
def test_a_test_may_import_what_is_changed_in_any_way(code: str) -> None:
    judge_test(TEST_PATH, code, AROUND)
