"""
Servers to compare with: small programs of ours around what others wrote, each with a lock of its own.

`python -m bench.requests.peers FOLDER` installs them; nothing of them comes into the environment of this project.
"""
