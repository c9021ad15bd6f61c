"""An S3 server in a process of its own, with its keys enforced, and a proxy that makes trouble."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from glyphgen.files import object_store

BUCKET = "store"
_REGION = "us-east-1"
_FREE_CALLS = "3"  # to make the first user; what comes after needs a key
_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
_NO_PUTS = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}


@dataclass(frozen=True)
class Server:
    """A running server: its address, a user who may do all, and one who may not put."""

    url: str
    env: dict[str, str]
    reader_env: dict[str, str]


@contextmanager
def serve_objects() -> Iterator[Server]:
    port = find_port()
    program = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env=os.environ | {"INITIAL_NO_AUTH_ACTION_COUNT": _FREE_CALLS},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(port, process)
        yield prepare_server(url)
    finally:
        process.kill()
        process.wait()


def find_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("the server has ended")


def prepare_server(url: str) -> Server:
    import boto3

    first = boto3.client(
        "iam",
        endpoint_url=url,
        region_name=_REGION,
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    env = make_user(first, url, "writer", [_ALL])
    keys = {"aws_access_key_id": env["AWS_ACCESS_KEY_ID"]}
    keys["aws_secret_access_key"] = env["AWS_SECRET_ACCESS_KEY"]
    own = {"endpoint_url": url, "region_name": _REGION, **keys}
    boto3.client("s3", **own).create_bucket(Bucket=BUCKET)
    return Server(url, env, make_user(boto3.client("iam", **own), url, "reader", [_ALL, _NO_PUTS]))


def make_user(iam: object, url: str, name: str, statements: list[dict[str, str]]) -> dict[str, str]:
    iam.create_user(UserName=name)  # type: ignore[attr-defined]
    key = iam.create_access_key(UserName=name)["AccessKey"]  # type: ignore[attr-defined]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy)  # type: ignore[attr-defined]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": _REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def use_store(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the keys and the address, and forget the connections to any store before: libraries keep them."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    forget_connections()


def forget_connections() -> None:
    import fsspec
    from s3fs import S3FileSystem

    object_store._open_file_system.cache_clear()
    S3FileSystem.clear_instance_cache()
    fsspec.config.conf.clear()
    fsspec.config.set_conf_env(fsspec.config.conf)


@dataclass
class Proxy:
    """Stands before a server: cuts connections in the middle of a body, slows them down, lets them hang.

    Attributes:
        target: Port of the server.
        cuts: How many bytes go through of each of the next connections, by direction (``up``, ``down``).
        pause_s: Before each block of 16 KiB, and so before each question and each answer.
        hangs: Whether nothing is answered any more.
        n_cut: Connections that were cut.
        n_hung: Questions that were not answered.
        seen: All that was asked, as it went through.
    """

    target: int
    cuts: dict[str, list[int]] = field(default_factory=lambda: {"up": [], "down": []})
    pause_s: float = 0.0
    hangs: bool = False
    n_cut: int = 0
    n_hung: int = 0
    seen: bytearray = field(default_factory=bytearray)
    port: int = 0

    def __enter__(self) -> "Proxy":
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                for source, sink, way in ((client, server, "up"), (server, client, "down")):
                    pump = threading.Thread(target=self._pump, args=(source, sink, way))
                    pump.daemon = True
                    pump.start()

    def _pump(self, source: socket.socket, sink: socket.socket, way: str) -> None:
        with suppress(OSError):
            n_through = 0
            while block := source.recv(1 << 14):
                if way == "up":
                    self.seen += block[:2000]
                if self.hangs and way == "up":
                    self.n_hung += 1
                    continue
                time.sleep(self.pause_s)
                n_through += len(block)
                if self.cuts[way] and n_through > self.cuts[way][0]:
                    self.cuts[way].pop(0)
                    self.n_cut += 1
                    sink.sendall(block[: len(block) // 2])
                    break
                sink.sendall(block)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
