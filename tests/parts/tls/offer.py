"""Offers key-exchange groups to a listener, with the OpenSSL that the cryptography wheel brings.

    offer.py HOST PORT CERTIFICATE KEY ROOT GROUPS

Prints one line of JSON: the library, the group agreed on (null if it cannot be told), what the
server said, or the error.
"""

import json
import socket
import sys

from OpenSSL import SSL
from OpenSSL._util import ffi, lib

host, port, certificate, key, root, groups = sys.argv[1:]

context = SSL.Context(SSL.TLS_CLIENT_METHOD)
context.use_certificate_file(certificate)
context.use_privatekey_file(key)
context.load_verify_locations(root)
context.set_verify(SSL.VERIFY_PEER, lambda _connection, _cert, _error, _depth, good: bool(good))
context.set_alpn_protos([b"h2"])
# pyOpenSSL has no method for it; the macro is OpenSSL's older name for the list of groups.
if lib.SSL_CTX_set1_curves_list(context._context, groups.encode()) != 1:
    sys.exit(f"this OpenSSL does not know {groups}")

found = {"library": SSL.SSLeay_version(0).decode(), "group": None, "said": "", "error": None}
connection = SSL.Connection(context, socket.create_connection((host, int(port)), timeout=10))
connection.setblocking(True)
connection.set_connect_state()
connection.set_tlsext_host_name(b"localhost")
try:
    connection.do_handshake()
    if getattr(lib, "Cryptography_HAS_SSL_GET0_GROUP_NAME", 0):
        name = lib.SSL_get0_group_name(connection._ssl)
        found["group"] = None if name == ffi.NULL else ffi.string(name).decode()
    # TLS 1.3: a refusal of the client's certificate arrives with the first read.
    found["said"] = connection.recv(100).decode()
except SSL.Error as error:
    found["error"] = repr(error)
print(json.dumps(found))
