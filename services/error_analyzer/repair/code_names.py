"""What code is judged by: modules and names that a repair needs, and those that it does not."""

import re
from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


KINDS = {
    "the network": """
        socket ssl http urllib urllib3 requests httpx aiohttp ftplib smtplib imaplib poplib telnetlib xmlrpc
        socketserver websockets select selectors asyncore nntplib paramiko asyncssh webbrowser wsgiref
        logging.handlers logging.config asyncpg.connect asyncpg.connection asyncio.streams
    """,
    "other processes": """
        subprocess multiprocessing pty signal pexpect psutil resource atexit sh concurrent.futures.process
        asyncio.subprocess venv ensurepip
    """,
    "the inside of Python": """
        importlib runpy code codeop ctypes cffi pickle marshal shelve dill cloudpickle builtins imp zipimport
        pkgutil gc inspect types dis bdb pdb posix nt _posixsubprocess _socket _ctypes _thread timeit cProfile
        profile pydoc site trace doctest linecache tokenize ast
    """,
    "files or the environment": """
        shutil mmap fcntl dotenv sqlite3 dbm fileinput tempfile codecs glob pathlib.Path.home
    """,
    "the inside of the test tool": "_pytest pluggy xdist conftest",
}
MODULES = {module: kind for kind, modules in KINDS.items() for module in modules.split()}
WORDS = _words("code select types resource signal trace site profile glob sh")
"""Modules whose names a module of one's own may give to something harmless."""
PARTLY: Mapping[str, frozenset[str]] = {
    module: _words(names)
    for module, names in {
        "os": "path fspath PathLike sep linesep extsep",
        "sys": "maxsize version_info float_info byteorder getsizeof",
        "io": "StringIO BytesIO TextIOBase RawIOBase BufferedIOBase UnsupportedOperation",
        "urllib": "parse",
        "http": "HTTPStatus",
        "types": "MappingProxyType SimpleNamespace NoneType",
        "inspect": "isawaitable iscoroutinefunction cleandoc",
        "codecs": "BOM_UTF8 BOM_UTF16 BOM_UTF16_LE BOM_UTF16_BE",
    }.items()
}
"""What is harmless in modules that otherwise are not."""
PURE = _words("""
    __future__ abc base64 binascii bisect calendar cmath collections collections.abc colorsys contextlib copy
    csv dataclasses datetime decimal difflib enum fractions functools graphlib hashlib heapq hmac html io
    itertools json json.decoder keyword locale math numbers operator os os.path random re reprlib statistics
    string stringprep struct sys textwrap time types typing unicodedata urllib.parse uuid warnings weakref
    zlib zoneinfo
    """)
"""Standard modules that a fix may newly import."""
PURE_NAMES = {"pathlib": frozenset({"PurePath", "PurePosixPath", "PureWindowsPath"})}
FOR_TESTS = _words("""
    asyncio hypothesis hypothesis.strategies logging pathlib pytest pytest_asyncio unittest unittest.mock
    """)
CALLS = _words("""
    eval exec compile __import__ globals locals vars breakpoint input exit quit delattr memoryview
    __builtins__ __loader__ __spec__
    """)
ONLY_CALLED = frozenset({"getattr", "setattr", "hasattr", "open", "suppress"})
"""Names that are judged by what they are called with, so that nothing else may be done with them."""
INSIDE = _words("""
    os sys subprocess socket _os _sys _subprocess _socket posix _posix nt builtins bltns _builtins importlib
    _imp ctypes environ environb getenv getenvb putenv unsetenv system popen posix_spawn posix_spawnp
    spawnl spawnle spawnlp spawnlpe spawnv spawnve spawnvp spawnvpe fork forkpty exec execl execle execlp
    execlpe execv execve execvp execvpe expandvars attrgetter methodcaller vformat get_field resolve_name
    syspath_prepend pluginmanager expanduser
    get_type_hints ForwardRef basicConfig getsource getsourcelines getsourcefile
    """)
"""What no attribute, and no part of a dotted text, is named: it leads out of the program, from wherever."""
METHODS = _words("""
    unlink rmdir rmtree removedirs rename renames makedirs symlink_to hardlink_to link_to chmod lchmod chown
    truncate extractall copyfile copytree open_connection open_unix_connection start_server start_unix_server
    create_connection create_unix_connection create_server create_unix_server create_datagram_endpoint
    create_subprocess_exec create_subprocess_shell subprocess_exec subprocess_shell run_in_subprocess
    ProcessPoolExecutor FileHandler connect_read_pipe connect_write_pipe connect_accepted_socket
    getaddrinfo getnameinfo
    sock_connect sock_accept sock_recv sock_recv_into sock_recvfrom sock_recvfrom_into sock_sendall
    sock_sendto sock_sendfile insecure_channel secure_channel create_pool
    """)
WRITES = frozenset({"write_text", "write_bytes", "touch", "mkdir"})
DUNDERS = _words("""
    __name__ __qualname__ __init__ __new__ __post_init__ __init_subclass__ __class__ __cause__ __context__
    __notes__ __version__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __hash__ __len__ __iter__ __next__
    __aiter__ __anext__ __contains__ __getitem__ __setitem__ __delitem__ __str__ __repr__ __format__ __call__
    __await__ __enter__ __exit__ __aenter__ __aexit__ __doc__ __members__ __all__ __main__ __add__ __sub__
    """)
"""The attributes with two underscores that lead nowhere else."""
TELLING = _words("environ environb getenv _os _sys")
DOTTED = re.compile(r"[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)+")
DUNDER = re.compile(r"__\w+__")
FIELD = re.compile(r"\{\w*(?:\[[^\]{}]*\])*\.[A-Za-z_]")
MODE = re.compile(r"[rwaxbt+U]{1,4}")
SYSTEM_PLACE = re.compile(r"\s*(?:~|file:|/[/.]*(?:proc|etc|root|home|dev|sys|var|run|mnt|srv|boot)(?:/|$))")
OUTSIDE = re.compile(r"\s*[/~]|(?:.*/)?\.\.(?:/|$)")
COOKIE = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
SKIPS = _words("""
    skip skipif skipIf skipUnless skipTest SkipTest xfail importorskip expectedFailure exit _exit add_marker
    """)
RUNS_TESTS = frozenset({"pytestmark", "pytest_plugins", "__test__", "collect_ignore", "collect_ignore_glob"})
BROAD = frozenset({"Exception", "BaseException", "BaseExceptionGroup", "ExceptionGroup"})
