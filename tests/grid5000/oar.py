"""oarsub, oarstat, oardel and oarprint, after sources/core/qfunctions/ of OAR 2.5 and its default admission rules."""

from __future__ import annotations

import getopt
import json
import os
import re
import signal
import sqlite3
import sys
import time
from typing import Any, NoReturn

from grid5000.site import Site, fail

_SUB = ("l:q:Ip:r:C:ht:d:n:a:O:E:SXYJDki:e:Vv", (
    "resource= queue= interactive property= reservation= connect= checkpoint= help notify= type= directory= name= "
    "project= hold array= array-param-file= anterior= signal= stdout= stderr= resubmit= scanscript xml yaml json "
    "dumper use-job-key import-job-key-from-file= export-job-key-to-file= version"
).split())  # fmt: skip
_LONG = {"-l": "--resource", "-q": "--queue", "-p": "--property", "-r": "--reservation", "-t": "--type",
         "-d": "--directory", "-n": "--name", "-O": "--stdout", "-E": "--stderr", "-I": "--interactive"}  # fmt: skip

# Admission rule 16, and the types that Grid'5000 adds.
_TYPES = (
    r"container(=\w+)?|deploy(=standby)?|desktop_computing|besteffort|cosystem(=standby)?|idempotent|placeholder=\w+"
    r"|allowed=\w+|inner=\w+|timesharing=.*|token:\w+=\d+|noop(=standby)?|state=permissive"
    r"|(postpone|deadline|expire)=\d{4}-\d\d-\d\d(\s+\d\d:\d\d(:\d\d)?)?"
    r"|destructive|exotic|night|day|monitor(=[\w.*|-]+)?|allow_classic_ssh"
)
_QUEUES = ("default", "production", "testing", "besteffort", "admin", "abaca")


class Group:
    """One `{SQL}/res=N/res=N`."""

    def __init__(self, sql: str, resources: list[tuple[str, int]]) -> None:
        self.sql = sql
        self.resources = resources


def parse_resources(text: str) -> tuple[list[Group], int | None]:
    """The groups of one -l, and its walltime in seconds. Exits as oarsub does."""
    groups = []
    walltime = None
    rest = text
    while True:
        before = rest
        sql = ""
        found = re.match(r"\s*(?:\++|,+|\s*)\s*\{(.+?)\}(.*)$", rest, re.DOTALL)
        if found:
            sql, rest = found[1], found[2]
        found = re.match(r"\s*(?:\++|,+|\s*)\s*/*([^,+]+)\s*(.*)$", rest, re.DOTALL)
        if found and not re.match(r"\s*walltime", found[1]):
            part, rest = found[1], found[2]
        else:
            part = "resource_id=1"
        resources = []
        for level in part.split("/"):
            match = re.fullmatch(r"\s*(\w+)\s*=\s*(\d+|ALL|BESTHALF|BEST)\s*", level)
            if not match:
                fail(f"/!\\ Cannot recognize the resource description : {level}", 18)
            name = "host" if match[1] in ("nodes", "network_address") else match[1]
            resources.append((name, {"ALL": -1, "BEST": -2, "BESTHALF": -3}.get(match[2]) or int(match[2])))
        found = re.fullmatch(r"[\s,]*walltime\s*=\s*([\d|:]+)\s*", rest)
        if found:
            # More than three parts are read as three: 1:00:00:00 is one hour.
            parts = [*found[1].split(":"), "0", "0"][:3]
            hours, minutes, seconds = (int(part or 0) for part in parts)
            walltime = hours * 3600 + minutes * 60 + seconds
            rest = ""
        if rest == before:
            fail(f"/!\\ Cannot recognize -- {rest} -- resource", 18)
        groups.append(Group(sql, resources))
        if not rest.strip():
            return groups, walltime


def _select(site: Site, sql: str) -> list[str]:
    """The hosts that an SQL expression holds for, in order."""
    with sqlite3.connect(":memory:") as base:
        nodes = site.nodes
        columns = list(next(iter(nodes.values())))
        base.execute(f"CREATE TABLE resources ({', '.join(columns)})")
        marks = ", ".join("?" * len(columns))
        base.executemany(f"INSERT INTO resources VALUES ({marks})", [tuple(n.values()) for n in nodes.values()])
        try:
            # Double quotes are column names in SQL; SQLite would take them for strings.
            text = sql.replace('"', "`")
            rows = base.execute(f"SELECT host FROM resources WHERE {text}").fetchall()
        except sqlite3.Error as error:
            fail(f"# Error: Bad resource request ({error})", 251)
    return sorted((row[0] for row in rows), key=_order)


def _order(host: str) -> tuple[str, int]:
    cluster, _, number = host.split(".")[0].rpartition("-")
    return cluster, int(number)


def oarsub(site: Site, arguments: list[str]) -> None:
    try:
        options, rest = getopt.gnu_getopt(arguments, *_SUB)
    except getopt.GetoptError as error:
        fail(f"Unknown option: {error.opt}")
    given: dict[str, list[str]] = {}
    for option, value in options:
        given.setdefault(_LONG.get(option, option), []).append(value)
    if "--interactive" in given or "--connect" in given or "--array" in given:
        fail("the stand-in for OAR plays neither -I nor -C nor --array", 90)
    types = given.get("--type", [])
    reservation = given.get("--reservation", ["0"])[-1]
    if len(rest) != 1 and reservation == "0" and not any(re.fullmatch(r"noop(=standby)?", one) for one in types):
        sys.stdout.write("Usage: oarsub [options] [-I|-C|<script file>|<command>]\n")
        raise SystemExit(5)
    start = _start(reservation)
    descriptions = given.get("--resource", ["host=1"])
    if len(descriptions) > 1:
        fail("the stand-in for OAR plays no moldable jobs", 90)
    groups, walltime = parse_resources(descriptions[0])
    _admit(site, types, given, groups, reservation)
    if walltime is None:
        print("[ADMISSION RULE] Set default walltime to 7200.")
        walltime = 7200
    if any(count == 0 for group in groups for _, count in group.resources):
        # oar#54: the scheduler never ends; a test that gets here must fail, not hang.
        fail("the stand-in for OAR: a group of 0 hangs Grid'5000's scheduler (oar issue 54)", 99)
    hosts = _place(site, groups, given, types)
    with site.locked():
        number = max([0, *site.jobs()]) + 1 if site.jobs() else int(site.facts.get("first_job", 2101234))
        busy = site.busy()
        free = [host for host in hosts if host not in busy]
        chosen = _choose(site, groups, free, given, types)
        site.save(
            {
                "id": number,
                "name": given.get("--name", [""])[-1],
                "project": given.get("--project", ["default"])[-1],
                "queue": given.get("--queue", ["default"])[-1],
                "types": types,
                "command": rest[0] if rest else "",
                "directory": os.getcwd(),
                "resources": descriptions[0],
                "walltime": walltime,
                "submitted": int(time.time()),
                "wanted_start": start,
                "reservation": "None" if reservation == "0" else "Scheduled",
                "state": "Waiting",
                "message": "",
                "hosts": chosen,
                "start": 0,
                # Who waits for the validation.
                "client": os.getpid() if reservation != "0" else 0,
            }
        )
    signal.signal(signal.SIGINT, lambda *_: _take_back(site, number))
    signal.signal(signal.SIGHUP, lambda *_: _take_back(site, number))
    print(f"OAR_JOB_ID={number}", flush=True)
    if reservation != "0":
        _validate(site, number)


def _take_back(site: Site, number: int) -> NoReturn:
    """What oarsub does at an interrupt, from when the job has a number until it ends."""
    sys.stderr.write("\n\n# Caught Interrupt (^C), ")
    with site.locked():
        site.save({**site.job(number), "state": "Error"})
    os._exit(1)


def _validate(site: Site, number: int) -> None:
    print("# Advance reservation request: waiting for validation...", flush=True)
    time.sleep(site.scenario["validates_after"])
    why = site.scenario["not_valid"]
    with site.locked():
        job = site.job(number)
        site.save({**job, "client": 0, "state": "Error" if why else job["state"]})
    if why:
        print(f"# Reservation not valid --> KO ({why})")
        raise SystemExit(10)
    print("# Reservation valid --> OK", flush=True)


def _start(reservation: str) -> float:
    if reservation == "0":
        return 0
    text = reservation.split(",")[0].strip()
    if text == "now":
        return time.time()
    if not re.fullmatch(r"\d{4}-\d{1,2}-\d{1,2}\s+\d{1,2}(:\d{1,2}){0,2}", text):
        fail(
            "# Error: syntax error in <start date> for the -r or --reservation option. It takes a date as argument "
            'with the format: "YYYY-MM-DD hh:mm:ss".',
            7,
        )
    fields = [int(field) for field in re.split(r"[-\s:]+", text)]
    year, month, day, hour, minute, second = [*fields, 0, 0][:6]
    return time.mktime((year, month, day, hour, minute, second, 0, 0, -1))


def _admit(site: Site, types: list[str], given: dict[str, list[str]], groups: list[Group], reservation: str) -> None:
    if site.scenario["admission"]:
        fail(site.scenario["admission"], 254)
    for one in types:
        if not re.fullmatch(_TYPES, one):
            fail(f"[ADMISSION RULE] Error: unknown job type: {one}", 254)
    queue = given.get("--queue", ["default"])[-1]
    if queue not in _QUEUES:
        fail(f"# Error: the queue {queue} does not exist", 8)
    if "besteffort" in types:
        if reservation != "0":
            fail("[ADMISSION RULE] Error: a job cannot both be of type besteffort and be a reservation.", 254)
        if queue == "default":
            print("[ADMISSION RULE] Automatically redirect in the besteffort queue")
            given["--queue"] = ["besteffort"]
    for group in groups:
        for name, _ in group.resources:
            if "deploy" in types and name in ("cpu", "core", "thread", "resource_id"):
                fail(f"[ADMISSION RULE] '{name}' resource is not allowed with a deploy job", 254)
            if name not in ("host", "cluster", "cpu", "core", "thread", "resource_id", "site", "switch"):
                fail(f"[ADMISSION RULE] '{name}' resource is not allowed", 254)


def _where(given: dict[str, list[str]], types: list[str]) -> list[str]:
    """What the admission rules add to what a job asks for."""
    found = [f"({text})" for text in given.get("--property", [])[-1:]]
    found.append("production = 'YES'" if given.get("--queue") == ["production"] else "production = 'NO'")
    if "exotic" not in types:
        found.append("exotic = 'NO'")
    if "deploy" in types:
        found.append("deploy = 'YES'")
    return found


def _place(site: Site, groups: list[Group], given: dict[str, list[str]], types: list[str]) -> list[str]:
    """All hosts that a job could get; refuses what the site could never give."""
    where = _where(given, types)
    hosts = _select(site, " AND ".join(where))
    _choose(site, groups, hosts, given, types, final=True)
    return hosts


def _choose(
    site: Site,
    groups: list[Group],
    hosts: list[str],
    given: dict[str, list[str]],
    types: list[str],
    final: bool = False,
) -> list[str]:
    chosen: list[str] = []
    for group in groups:
        where = [*_where(given, types), *([f"({group.sql})"] if group.sql else [])]
        fitting = [host for host in _select(site, " AND ".join(where)) if host in hosts and host not in chosen]
        count = next((value for name, value in group.resources if name == "host"), 1)
        count = len(fitting) if count == -1 else count
        if len(fitting) < count or count < 1:
            if final:
                fail("# Error: There are not enough resources for your request", 251)
            return []
        # OAR gives any that fit: the last ones first shows who counts on an order.
        chosen += fitting[::-1][:count]
    return chosen


def oarstat(site: Site, arguments: list[str]) -> None:
    try:
        options, rest = getopt.gnu_getopt(
            arguments, "j:fsu:cgepDXYJVh", "job= full state user= compact events properties json yaml xml".split()
        )
    except getopt.GetoptError as error:
        fail(f"Unknown option: {error.opt}")
    names = {option.lstrip("-")[0] for option, _ in options}
    asked = [value for option, value in options if option in ("-j", "--job")] + rest
    numbers = [int(text) for one in asked for text in one.split(",") if text.isdigit()]
    jobs = site.jobs()
    chosen = [jobs[number] for number in numbers if number in jobs] if numbers else list(jobs.values())
    json_mode = "J" in names or any(option == "--json" for option, _ in options)
    if "s" in names:
        if not numbers:
            fail("--state can only be used with an id")
        states = {str(job["id"]): job["state"] for job in chosen}
        print(_pretty(states) if json_mode else "\n".join(f"{number}: {state}" for number, state in states.items()))
    elif "p" in names:
        for job in chosen:
            for line in properties(site, job):
                print(line)
    elif json_mode:
        if chosen:  # nothing at all otherwise: Perl has no data then
            print(_pretty({str(job["id"]): _data(site, job) for job in chosen}))
    else:
        fail("the stand-in for OAR plays oarstat with -s, -p or -J", 90)


def _data(site: Site, job: dict[str, Any]) -> dict[str, Any]:
    assigned = job["hosts"] if job["state"] in ("Running", "Terminated") else []
    return {
        "Job_Id": job["id"],
        "array_id": job["id"],
        "assigned_network_address": assigned,
        "assigned_resources": list(range(1, len(assigned) + 1)),
        "command": job["command"],
        "events": [],
        "initial_request": f"oarsub -l {job['resources']}",
        "jobType": "PASSIVE",
        "launchingDirectory": job["directory"],
        "message": job["message"],
        "name": job["name"] or None,
        "owner": site.user,
        "project": job["project"],
        "properties": "deploy = 'YES'",
        "queue": job["queue"],
        "reservation": job["reservation"],
        "scheduledStart": job["start"] or (int(job["wanted_start"]) or None),
        "startTime": job["start"],
        "state": job["state"],
        "stopTime": 0,
        "submissionTime": job["submitted"],
        "types": job["types"],
        "walltime": job["walltime"],
        "wanted_resources": f'-l "{job["resources"]}" ',
    }


def _pretty(data: Any) -> str:
    """As Perl's JSON->pretty writes: three blanks a level, a blank before the colon too, keys in no order."""
    return json.dumps(dict(reversed(data.items())), indent=3, separators=(",", " : "))


def properties(site: Site, job: dict[str, Any]) -> list[str]:
    """The lines of $OAR_RESOURCE_PROPERTIES_FILE: one a core."""
    found = []
    for host in job["hosts"]:
        for core in range(site.nodes[host]["cores"]):
            pairs = {**site.nodes[host], "core": core}
            found.append(" , ".join(f"{name} = '{value}'" for name, value in pairs.items()))
    return found


def oardel(site: Site, arguments: list[str]) -> None:
    status = 0
    for word in arguments:
        if not word.isdigit():
            sys.stderr.write(f'[ERROR] "{word}" is not a valid job identifier\n')
            status = 4
            continue
        print(f"Deleting the job = {word} ...", end="")
        with site.locked():
            try:
                job = site.job(int(word))
            except KeyError:
                job = {"state": "Terminated"}
            if job["state"] in ("Terminated", "Error"):
                print("ERROR.")
                sys.stderr.write(f"Cannot frag {word} ; This job was already killed.\n")
                status = 6
                continue
            site.save({**job, "state": "Terminated" if job["state"] == "Running" else "Error"})
        print("REGISTERED.")
        print(f"The job(s) [ {word} ] will be deleted in the near future.")
    if not arguments:
        fail("Usage: oardel [options] <job_id> [job_id [...] ]")
    raise SystemExit(status)


def oarprint(site: Site, arguments: list[str]) -> None:
    options, rest = getopt.gnu_getopt(arguments, "f:P:F:C:T:l")
    given = dict(options)
    path = given.get("-f", os.environ.get("OAR_RESOURCE_PROPERTIES_FILE"))
    if not path:
        fail("oarprint: no input data available")
    with open(0 if path == "-" else path, encoding="utf-8") as file:
        rows = [dict(re.findall(r"(\w+) = '([^']*)'", line)) for line in file if line.strip()]
    if not rest:
        fail("oarprint: Need a property name")
    columns = given.get("-P", rest[0]).split(",")
    shown: dict[str, list[dict[str, None]]] = {}
    for row in rows:
        for name in (rest[0], *columns):
            if name not in row:
                fail(f"oarprint: Unknown property '{name}'")
        values = shown.setdefault(row[rest[0]], [{} for _ in columns])
        for column, name in zip(values, columns, strict=True):
            column[row[name]] = None
    for values in reversed(shown.values()):  # Perl's hashes have no order
        text = given.get("-F", "%")
        for column in values:
            text = text.replace("%", given.get("-C", ",").join(column), 1) if "%" in text else text
        print(text)
