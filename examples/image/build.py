"""Build the image that the examples run: a page that names the container's host. Nothing is downloaded where a static
busybox is installed (Debian: busybox-static); elsewhere the image stands on Docker Hub's busybox.

    python examples/image/build.py tutum/hello-world osones/nginx

Exits 0 when every name is built, 3 where no Docker engine answers (nothing to build for), 1 on a failure.
"""

import io
import os
import subprocess
import sys
import tarfile

START = """#!/bin/sh
mkdir -p /www && cd /www || exit 1
echo "<html><body><h1>Hello world!</h1><p>My hostname is $(hostname)</p></body></html>" > index.html
exec httpd -f -p "${PORT:-80}" -h /www
"""
SCRATCH = """FROM scratch
COPY busybox /bin/busybox
COPY start.sh /start.sh
RUN ["/bin/busybox", "--install", "-s", "/bin"]
CMD ["/bin/sh", "/start.sh"]
"""
FROM_HUB = """FROM busybox
COPY start.sh /start.sh
CMD ["sh", "/start.sh"]
"""


def static_busybox():
    for path in ("/bin/busybox", "/usr/bin/busybox"):
        if os.path.exists(path):
            linked = subprocess.run(["ldd", path], capture_output=True, text=True)
            if linked.returncode != 0 or "not a dynamic" in linked.stdout + linked.stderr:
                return path
    return None


def context():
    busybox = static_busybox()
    files = {"Dockerfile": (SCRATCH if busybox else FROM_HUB).encode(), "start.sh": START.encode()}
    if busybox:
        with open(busybox, "rb") as file:
            files["busybox"] = file.read()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def main(names):
    import docker

    try:
        client = docker.from_env(timeout=60)
        client.ping()
    except Exception as error:
        print(f"no Docker engine answers, so no image is built ({type(error).__name__})", file=sys.stderr)
        return 3
    content = context()
    for name in names:
        try:
            client.images.build(fileobj=io.BytesIO(content), custom_context=True, tag=name, rm=True)
        except docker.errors.DockerException as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        print(f"built {name}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["tutum/hello-world"]))
