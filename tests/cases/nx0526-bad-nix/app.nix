{ hello }: ( hello
