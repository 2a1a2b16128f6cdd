{ runCommand, greeting ? "hello" }:
runCommand "greeter" { } "mkdir -p $out/bin; echo ${greeting} > $out/bin/greeter"
