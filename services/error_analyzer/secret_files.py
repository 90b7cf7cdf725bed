"""Which files are named like secrets: models never see them, and fixes never change them."""

import re
from fnmatch import fnmatchcase

_NAMES = (
    ".env*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*.asc",
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "htpasswd", ".netrc", "_netrc", ".npmrc", ".pypirc",
    ".htpasswd", ".git-credentials", ".pgpass", ".aws", ".ssh", ".gnupg", ".kube", ".docker", "*.kubeconfig",
    "shadow", "gshadow", "service_account*.json", "service-account*.json", "token", ".token",
)  # fmt: skip
# Not secretaries. A token is a word of a text, too: only where it is data.
_WORDS = re.compile(
    r"secret(?!ar)|credential|passw(?:or)?d|passphrase|kubeconfig|private[._-]?key|(?:api|access)[._-]?key"
    r"|(?<![a-z])tokens?\.(?:json|ya?ml|toml|ini|cfg|conf|txt)$"
)


def is_secret(path: str) -> bool:
    """True where a file, or a folder on its way, is named like something that holds secrets."""
    return any(
        _WORDS.search(part) is not None or any(fnmatchcase(part, name) for name in _NAMES)
        for part in path.lower().split("/")
    )
