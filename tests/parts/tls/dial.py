"""Dials a listener with the C core of gRPC: dial.py ADDRESS CERTIFICATE KEY ROOT.

Nobody speaks HTTP/2 behind the listener, so the channel never becomes ready: what counts is the
handshake, and the server tells of that.
"""

import pathlib
import sys

import grpc

address, certificate, key, root = sys.argv[1:]
files = [pathlib.Path(name).read_bytes() for name in (root, key, certificate)]
channel = grpc.secure_channel(
    address,
    grpc.ssl_channel_credentials(*files),
    options=[("grpc.ssl_target_name_override", "localhost")],
)
try:
    grpc.channel_ready_future(channel).result(timeout=3)
except grpc.FutureTimeoutError:
    pass
channel.close()
