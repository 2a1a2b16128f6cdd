"""Answers every connection to port 80 with the host's name, over HTTP."""

import socket

server = socket.create_server(("", 80))
body = socket.gethostname().encode()
while True:
    peer, _ = server.accept()
    try:
        peer.settimeout(5)
        peer.recv(4096)
        peer.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    except OSError:
        pass
    finally:
        peer.close()
