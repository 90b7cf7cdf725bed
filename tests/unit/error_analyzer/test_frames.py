"""A function has one name, wherever its file lies and whoever reports it."""

import pytest

from services.error_analyzer.grouping import TracedFrame, in_app, module_of
from services.error_analyzer.grouping.fingerprint import Fault, Frame, group_of

WORKER = "services.scheduler.worker"


@pytest.mark.parametrize(
    "path",
    [
        "/app/services/scheduler/worker.py",
        "/srv/services/services/scheduler/worker.py",
        "/home/ana/src/label/services/scheduler/worker.py",
        "/usr/src/app/services/scheduler/worker.py",
        "/opt/label/lib/python3.12/site-packages/services/scheduler/worker.py",
        "C:\\Users\\ana\\label\\services\\scheduler\\worker.py",
        "./services/scheduler/worker.py",
        "services/scheduler/worker.pyc",
    ],
)
def test_a_file_of_ours_has_its_module_on_every_host(path: str):
    assert module_of(path) == WORKER
    assert in_app(path)


@pytest.mark.parametrize(
    ("path", "module", "ours"),
    [
        ("/usr/lib/python3.11/asyncio/runners.py", "asyncio.runners", False),
        ("/opt/v/lib/python3.13/site-packages/asyncpg/pool.py", "asyncpg.pool", False),
        ("/usr/lib/python3/dist-packages/yaml/__init__.py", "yaml", False),
        ("C:\\Python311\\Lib\\json\\decoder.py", "json.decoder", False),
        ("<frozen importlib._bootstrap>", "importlib._bootstrap", False),
        ("<string>", "", False),
        ("/srv/shop/shop/orders.py", "shop.orders", True),
        ("/app/polls/views.py", "polls.views", True),
        ("/code/polls/views.py", "polls.views", True),
        ("/code/blog/views.py", "blog.views", True),
        ("/workspace/app/db.py", "app.db", True),
        ("/build/app/db.py", "app.db", True),
        ("/app/app/db.py", "app.db", True),
        ("/srv/www/shop/app/db.py", "app.db", True),
        ("/var/www/shop/app/db.py", "app.db", True),
        ("/Users/bob/src/shop/app/db.py", "app.db", True),
        ("/home/bob/shop/app/db.py", "app.db", True),
        ("/home/runner/jobs/shop/shop/app/db.py", "app.db", True),
        ("/srv/billing/main.py", "main", True),
        ("/app/services/chassis/__init__.py", "services.chassis", True),
        ("/app/cli/main.py", "cli.main", True),
        ("/app/.venv/bin/aiartist", "bin.aiartist", False),
    ],
)
def test_a_file_is_known_as_the_module_that_it_is_imported_as(path: str, module: str, ours: bool):
    assert (module_of(path), in_app(path)) == (module, ours)


def test_of_a_module_alone_only_the_platforms_own_are_ours():
    assert in_app(WORKER)
    assert not in_app("asyncpg.pool")


def test_shipped_and_read_from_a_log_it_is_the_same_error():
    shipped = [
        TracedFrame("asyncio.runners", "Runner.run", False, 3),
        TracedFrame(WORKER, "Worker.drive", True, 10),
        TracedFrame("services.scheduler.store", "saving.<locals>.save", True, 20),
    ]
    read = [
        TracedFrame(module_of(f"/srv/x/{path}"), name, in_app(f"/srv/x/{path}"), 99)
        for path, name in (
            ("services/scheduler/__main__.py", "<module>"),
            ("services/scheduler/worker.py", "drive"),
            ("services/scheduler/store.py", "save"),
        )
    ]
    groups = [group_of(Fault("", "ValueError", "x", frames)) for frames in (shipped, read)]
    assert groups[0].fingerprint == groups[1].fingerprint


def fingerprint(service: str, *paths: str) -> str:
    frames = [Frame(module_of(path), "index", True) for path in paths]
    return group_of(Fault("", "ValueError", "x", frames, service)).fingerprint


def test_a_module_of_no_package_is_its_services():
    """Every service may have a `main.py`."""
    assert fingerprint("billing", "/srv/billing/main.py") != fingerprint("shop", "/srv/shop/main.py")
    assert fingerprint("billing", "/app/main.py") != fingerprint("shop", "/app/main.py")
    assert fingerprint("shop", "/app/main.py") == fingerprint("shop", "/srv/shop/main.py")
    assert fingerprint("a", "/app/main.py", "/app/views.py") != fingerprint(
        "b", "/app/main.py", "/app/views.py"
    )


def test_a_module_of_a_package_is_one_error_in_all_services():
    assert fingerprint("billing", "/app/polls/views.py") == fingerprint("shop", "/code/polls/views.py")
    assert fingerprint("a", "/app/main.py", "/app/polls/views.py") == fingerprint(
        "b", "/srv/b/main.py", "/srv/b/polls/views.py"
    )
    assert fingerprint("shop", "/code/polls/views.py") != fingerprint("shop", "/code/blog/views.py")


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("asyncio.exceptions.TimeoutError", "TimeoutError"),
        ("__main__.Broken", "Broken"),
        ("IOError", "OSError"),
    ],
)
def test_types_are_the_same_under_their_names_in_other_versions(older: str, newer: str):
    frames = [Frame(WORKER, "drive", True)]
    assert (
        group_of(Fault("", older, "", frames)).fingerprint
        == group_of(Fault("", newer, "", frames)).fingerprint
    )


def test_an_endless_recursion_is_known_by_its_circle_wherever_it_was_cut():
    circle = [Frame(WORKER, name, True) for name in ("step", "next")]
    whole = [Frame(WORKER, "drive", True), *circle * 500]
    cut = circle[1:] + circle * 40 + circle[:1]
    assert (
        group_of(Fault("", "RecursionError", "", whole)).fingerprint
        == group_of(Fault("", "RecursionError", "", cut)).fingerprint
    )
    assert (
        group_of(Fault("", "RecursionError", "", circle[:1] * 9)).fingerprint
        != group_of(Fault("", "RecursionError", "", cut)).fingerprint
    )


def test_what_makes_a_template_is_one_error_with_or_without_an_exception_of_its_own():
    line = group_of(Fault("ValueError: bad tempo 12"))
    raised = group_of(Fault("stage failed", "ValueError", "bad tempo 99"))
    assert line.fingerprint == raised.fingerprint
    assert (line.exception_type, raised.exception_type) == ("", "ValueError")
    assert raised.template == "ValueError: bad tempo <number>"
