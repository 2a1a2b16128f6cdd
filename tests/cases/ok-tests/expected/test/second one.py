def check(node, text="x"):
    try:
        node.succeed(text)
    except Exception as error:
        print(f"{error!r} {[x for x in [1]]}")

check(web2)
