server.wait_for_unit("nginx.service")
client1.succeed("curl http://server")
