"""A distributor's SFTP server on a real socket, that can be told to fail."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
from pydantic import SecretStr

from services.release.targets.sftp_server import SftpAccess

USER, PASSWORD = "label", "a password that nobody logs"
ROOT = "/incoming"


@dataclass(slots=True)
class Faults:
    """What goes wrong; nothing, unless it is said."""

    cut_after_bytes: int | None = None
    """The connection breaks when so many bytes were written since this was set."""
    full_after_bytes: int | None = None
    """The disk is full then."""
    deny: set[str] = field(default_factory=set)
    """Operations that are not permitted: `write`, `rename`, `mkdir`, `remove`, `list`."""
    no_extensions: bool = False
    """Only what the protocol's third version has: no posix-rename, fsync, statvfs."""
    hang_on_write: bool = False
    flip_a_byte: bool = False
    """Other bytes are kept than were sent."""
    written: int = 0


class FakeSftp:
    """The server, its folder, and how to get in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.faults = Faults()
        self.port = 0
        self.logins: list[str] = []
        self.renamed: list[str] = []
        """Names in the order in which they appeared."""
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.user_key = asyncssh.generate_private_key("ssh-ed25519")
        self.known_hosts = folder.parent / f"{folder.name}.known_hosts"

    @classmethod
    @asynccontextmanager
    async def serving(cls, folder: Path) -> AsyncIterator["FakeSftp"]:
        """On a free port of loopback."""
        fake = cls(folder)
        (folder / ROOT.strip("/")).mkdir(parents=True)
        listener = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[fake.host_key],
            server_factory=lambda: _Login(fake),
            sftp_factory=lambda channel: _Files(fake, channel),
            allow_scp=False,
        )
        fake.port = listener.get_port()
        public = fake.host_key.export_public_key().decode().strip()
        fake.known_hosts.write_text(f"[127.0.0.1]:{fake.port} {public}\n")
        try:
            yield fake
        finally:
            listener.close()
            await listener.wait_closed()

    def access(self, **changes: Any) -> SftpAccess:
        """The way in, by password unless told otherwise; short of patience."""
        chosen: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": USER,
            "known_hosts": self.known_hosts,
            "password": SecretStr(PASSWORD),
            "stall_s": 10.0,
        }
        return SftpAccess(**{**chosen, **changes})

    def fail(self, **faults: Any) -> None:
        """From now on."""
        self.faults = Faults(**faults)

    @property
    def incoming(self) -> Path:
        """The folder that the distributor reads."""
        return self.folder / ROOT.strip("/")

    def files(self) -> dict[str, bytes]:
        """Everything that is there, by path below the distributor's folder."""
        return {
            path.relative_to(self.incoming).as_posix(): path.read_bytes()
            for path in sorted(self.incoming.rglob("*"))
            if path.is_file()
        }

    def complete(self) -> list[str]:
        """Batches that the distributor would read now."""
        return [
            path
            for path in self.files()
            if Path(path).name.startswith("BatchComplete_") and ".part" not in path
        ]


class _Login(asyncssh.SSHServer):
    def __init__(self, fake: FakeSftp) -> None:
        self._fake = fake

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        good = (username, password) == (USER, PASSWORD)
        self._fake.logins.append("password" if good else "wrong password")
        return good

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        good = username == USER and key == self._fake.user_key.convert_to_public()
        self._fake.logins.append("key" if good else "wrong key")
        return good


class _Files(asyncssh.SFTPServer):
    def __init__(self, fake: FakeSftp, channel: Any) -> None:
        super().__init__(channel, chroot=os.fsencode(fake.folder))
        self._fake = fake
        self._connection = channel.get_connection()

    def _may(self, operation: str) -> None:
        if operation in self._fake.faults.deny:
            raise asyncssh.SFTPPermissionDenied("told to refuse")

    async def write(self, file_obj: Any, offset: int, data: bytes) -> int:
        faults = self._fake.faults
        self._may("write")
        if faults.hang_on_write:
            try:
                await asyncio.Event().wait()
            finally:
                file_obj.close()
        if faults.full_after_bytes is not None and faults.written + len(data) > faults.full_after_bytes:
            raise asyncssh.SFTPFailure("Failure")
        left = len(data) if faults.cut_after_bytes is None else faults.cut_after_bytes - faults.written
        kept = data[: max(0, left)]
        if faults.flip_a_byte and kept:
            kept = bytes([kept[0] ^ 1]) + kept[1:]
        super().write(file_obj, offset, kept)
        file_obj.flush()
        faults.written += len(kept)
        if len(kept) < len(data):
            self._connection.abort()
            raise asyncssh.SFTPConnectionLost("cut")
        return len(data)

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        self._may("rename")
        if Path(os.fsdecode(self.map_path(newpath))).exists():
            raise asyncssh.SFTPFailure("the name is taken")
        super().rename(oldpath, newpath)
        self._fake.renamed.append(Path(os.fsdecode(newpath)).name)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        self._extension()
        self._may("rename")
        super().posix_rename(oldpath, newpath)
        self._fake.renamed.append(Path(os.fsdecode(newpath)).name)

    def fsync(self, file_obj: Any) -> None:
        self._extension()
        super().fsync(file_obj)

    def statvfs(self, path: bytes) -> Any:
        self._extension()
        found = os.statvfs(os.fsdecode(self.map_path(path)))
        if self._fake.faults.full_after_bytes is None:
            return found
        # What a real full disk says.
        return asyncssh.SFTPVFSAttrs(
            bsize=found.f_bsize, frsize=found.f_frsize, blocks=found.f_blocks, bfree=0, bavail=0,
            files=found.f_files, ffree=found.f_ffree, favail=found.f_favail, fsid=0, flag=0,
            namemax=found.f_namemax,
        )  # fmt: skip

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        self._may("mkdir")
        super().mkdir(path, attrs)

    def remove(self, path: bytes) -> None:
        self._may("remove")
        super().remove(path)

    def scandir(self, path: bytes) -> Any:
        self._may("list")
        return super().scandir(path)

    def _extension(self) -> None:
        if self._fake.faults.no_extensions:
            raise asyncssh.SFTPOpUnsupported("not here")
