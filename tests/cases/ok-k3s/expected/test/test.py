server.wait_for_unit("k3s.service")
server.wait_until_succeeds("k3s kubectl get nodes | grep -c ' Ready' | grep -x 3")
