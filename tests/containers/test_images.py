"""The images: each holds its service and nothing that it does not need."""

import json

import pytest

from tests.support.containers import SERVICES, run

pytestmark = pytest.mark.containers

HEAVY = {
    "litellm": {"orchestrator"},
    "numpy": {"release"},
    "telegram": {"notifier"},
    "pgqueuer": {"scheduler", "cli"},
    "xllamacpp": {"model"},
    # The queue's own commands use it, too.
    "typer": {"cli", "scheduler"},
}
"""Packages that are a service's own, and whose images have them."""

LOOK = """
import importlib.util, json, os, pkgutil, shutil, sys
import services
print(json.dumps({
    "packages": [name for name in sys.argv[1:] if importlib.util.find_spec(name)],
    "services": sorted(module.name for module in pkgutil.iter_modules(services.__path__)),
    "compilers": [name for name in ("gcc", "cc", "c++", "clang", "make", "cargo") if shutil.which(name)],
    "uid": os.getuid(),
    "writable": [path for path in ("/", "/opt/aiartist", "/etc", "/usr/lib") if os.access(path, os.W_OK)],
}))
"""


def look_into(image: str) -> dict[str, list[str]]:
    found = run("docker", "run", "--rm", "--network", "none", "--entrypoint", "/opt/aiartist/bin/python",
                image, "-c", LOOK, *HEAVY)  # fmt: skip
    return dict(json.loads(found))


def test_each_image_holds_its_own_needs_and_nobody_else_s(images: tuple[str, ...]) -> None:
    for image in images:
        name = image.removeprefix("aiartist/").partition(":")[0]
        found = look_into(image)
        assert set(found["packages"]) == {package for package, owners in HEAVY.items() if name in owners}, (
            image
        )
        own = {"chassis", "orchestrator" if name == "model" else name}
        assert set(found["services"]) == ({"chassis", *SERVICES} if name == "cli" else own), image


def test_no_image_has_a_compiler_a_cache_or_a_root_user(images: tuple[str, ...]) -> None:
    for image in images:
        found = look_into(image)
        assert found["compilers"] == [], image
        left = run("docker", "run", "--rm", "--network", "none", "--user", "0", "--entrypoint", "ls", image,
                   "-A", "/tmp", "/root")  # fmt: skip
        assert ".cache" not in left, image
        assert ".whl" not in left, image
        assert found["uid"] == 10001, image
        assert found["writable"] == [], image


def test_an_unknown_service_is_named_with_those_that_there_are() -> None:
    with pytest.raises(
        AssertionError, match=r"there is no SERVICE 'relase'; there are: artist_db .* scheduler"
    ):
        run("docker", "build", "--build-arg", "SERVICE=relase", "--tag", "aiartist/none", ".")


def test_a_service_without_its_settings_ends_with_one_line(images: tuple[str, ...]) -> None:
    scheduler = next(image for image in images if "/scheduler:" in image)
    with pytest.raises(AssertionError, match="aiartist: AIARTIST_DATABASE_URL is not set") as ended:
        run("docker", "run", "--rm", "--network", "none", "--read-only", scheduler)
    assert "Traceback" not in str(ended.value)
