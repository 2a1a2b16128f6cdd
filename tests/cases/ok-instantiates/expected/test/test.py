start_all()
server.wait_for_unit("nginx.service")
client1.succeed("ls /data")
