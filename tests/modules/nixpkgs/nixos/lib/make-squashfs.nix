# A squashfs of the closures of storeContents.
{ runCommand, storeContents, comp }:

runCommand "squashfs.img" { inherit storeContents comp; } ""
