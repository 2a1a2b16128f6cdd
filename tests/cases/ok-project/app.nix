{ hello, inherit-me, dep, deep }: hello
