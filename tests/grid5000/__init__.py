"""Stand-ins for what only a Grid'5000 site has: oarsub, oarstat, oardel, oarprint, kadeploy3, kaenv3, sudo-g5k, and
nodes that answer by ssh.

They check what they are given as the real ones do, by the sources of OAR and of Kadeploy 3.3.11, and fail as those
fail where a test's scenario says so. Nothing here looks at what nxcc's own templates happen to write.
"""
