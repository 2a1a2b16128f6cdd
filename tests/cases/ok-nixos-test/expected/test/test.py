start_all()
db_main.wait_for_open_port(5432)
web1.succeed("ping -c 1 db-main")
